"""Any text as extauth.yaml: refused with problems, or a policy of known fields that checks can be made with."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from extauth.policy.settings import SidecarSettings
from extauth.settings.model import validate
from extauth.settings.problems import SettingsError
from extauth.settings.source import Source
from tests.fuzz.checked import APIS, Checked
from tests.fuzz.target import Target
from tests.support.check_messages import check_request

ROOT = Path(__file__).parents[3]
KEYS = "keys: {peppers: [{id: p1, env: P}]}\n"
DEMO = KEYS + "apis: [{name: a, credentials: [{header: x-api-key}], limits: [{name: b, by: key, rate: 1/s}]}]\n"


def _run(data: bytes) -> None:
    try:
        source = Source(data.decode(errors="replace"), "extauth.yaml")
        settings = validate(SidecarSettings, source)
    except SettingsError as error:
        _tells_of_it(error)
        return
    _has_no_unknown_field(settings, source.data)
    _serves(settings)


def _tells_of_it(error: SettingsError) -> None:
    assert error.problems
    assert all(problem.message for problem in error.problems)


def _has_no_unknown_field(found: object, data: Any) -> None:
    if isinstance(found, BaseModel) and isinstance(data, dict):
        assert data.keys() <= type(found).model_fields.keys()
        for name, value in data.items():
            _has_no_unknown_field(getattr(found, name), value)
    elif isinstance(found, tuple) and isinstance(data, list):
        for one, value in zip(found, data, strict=False):
            _has_no_unknown_field(one, value)


def _serves(settings: SidecarSettings) -> None:
    checked = Checked(settings)
    for key in (checked.good[0], checked.bad[0], "junk"):
        for header in ("x-api-key", "authorization"):
            checked.ask(check_request({header: key}, path="/v1/red/items?a=b"))


def _seeds() -> Iterator[bytes]:
    yield DEMO.encode()
    for preset in sorted((ROOT / "deploy" / "presets").glob("*.yaml")):
        yield preset.read_bytes()
    yield (KEYS + f"apis: {list(APIS)!r}\n").replace("True", "true").replace("False", "false").encode()
    many = "9" * 400
    for value in ("10/00s", f"{many}/s", f"1/{many}d", "!!bool x", "0x", "2001-99-99", "!!int ''", "&a [*a]"):
        yield DEMO.replace("1/s", value).encode()
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    for level in range(1, 12):
        bomb += f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n"
    yield (bomb + DEMO).encode()
    yield (bomb.replace("[", "{<<: [").replace("]", "]}") + DEMO).encode()
    yield (DEMO + "errors: " + "[" * 2000).encode()
    yield (DEMO + "errors: {default: {body: " + "[" * 60 + "]" * 60 + "}}\n").encode()
    yield (DEMO + "? [a, b]\n: c\n1: 2\nnull: x\n").encode()
    yield (DEMO.replace("name: a,", "name: a, match: {context: {1: x}},")).encode()
    yield b"a: \0"


TARGET = Target("policies", _run, _seeds, ("quota: ", "permissions: ", "<<: ", "&a ", "*a", "!!", "limits: ", "cost: "))
