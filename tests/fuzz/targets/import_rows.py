"""Any bytes as a file of keys to import: rows with keys that can be digested, rows with problems, or one error."""

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

import click

from extauth.cli.keys_files import parts_of
from extauth.registry.errors import InvalidError
from extauth.registry.identity import Identity, Role
from extauth.registry.import_batch import prepare
from extauth.registry.rest.import_reader import READERS, Format
from tests.fuzz.choices import Choices
from tests.fuzz.target import Target
from tests.support.keys import PEPPER, issue

OWNER = Identity("admin-token:1", Role.OWNER)
FORMS: tuple[Format, ...] = ("jsonl", "csv")
NOW = 1_800_000_000_000


@cache
def _directory() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


def _run(data: bytes) -> None:
    choices = Choices(data)
    form, size = choices.one_of(FORMS), 1 + choices.number(64)
    text = choices.rest()
    _read(form, [text[at : at + size] for at in range(0, len(text), size)])
    file = Path(_directory().name) / "keys"
    file.write_bytes(text)
    with suppress(click.UsageError):
        for part in parts_of(file, form, skip=0):
            _read(form, [part.data])


def _read(form: Format, chunks: list[bytes]) -> None:
    with suppress(InvalidError):
        rows = list(READERS[form](chunks, OWNER, NOW))
        for one in prepare(rows, [PEPPER], 0):
            assert bool(one.problems) == (one.new is None)
            if one.new is not None:
                assert one.new.tenant
                assert len(one.digests[0]) == 32


def _seeds() -> Iterator[bytes]:
    key, _ = issue()
    json = (
        f'{{"name":"a","tenant":"acme","secret":"{key}","scopes":["a","b"],"plan":"gold","metadata":{{"a":"b"}}}}\n'
        f'{{"name":"b","tenant":"acme","sha256":"{"ab" * 32}","limits":[{{"name":"x","rate":"10/s","burst":5}}]}}\n'
        '{"name":"c","tenant":"acme","secret":"\\ud800aaaaaaaaaaaaaaaaaaaaaaaaa","expires_at":"2030-01-01T00:00:00Z"}\n'
    ).encode()
    csv = (
        "name,tenant,secret,scopes,plan,metadata,limits,not_before,expires_at\r\n"
        f'a,acme,{key},"a,b c",gold,"{{""a"":""b""}}",,,\r\n"b\nb",acme,an-imported-key-of-mine,,,,[],,2030-01-01\r\n'
    ).encode()
    for form, text in ((0, json), (1, csv)):
        for size in (0, 7, 63):
            yield bytes([form, size]) + text


TARGET = Target("import_rows", _run, _seeds, ('"sha256"', '"secret"', "\\ud800", "1e999", '"limits"', "not_before"))
