"""Any bytes as a log for `extauth limits simulate`: arrivals within bounds, bad lines told, or one error."""

import gzip
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from extauth.simulate.errors import LogError
from extauth.simulate.fields import Names
from extauth.simulate.formats import FORMATS
from extauth.simulate.log import Passed, Reading, arrivals
from tests.fuzz.choices import Choices
from tests.fuzz.target import Target

WANTED = ("key", "tenant", "address", "path", "header.x-model")
LAST = 2**53


@cache
def _directory() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


def _run(data: bytes) -> None:
    choices = Choices(data)
    reading = Reading(Names(WANTED[choices.number(2) :], {}), choices.one_of((None, *FORMATS)), max_errors=5)
    log = Path(_directory().name) / "log"
    log.write_bytes(choices.rest())
    passed, told = Passed(), list[str]()
    with suppress(LogError):
        for found in arrivals(str(log), reading, passed, told.append):
            assert 0 <= found.time < LAST
            assert found.cost is None or found.cost >= 0
    assert len(told) == passed.bad <= reading.max_errors + 1


def _seeds() -> Iterator[bytes]:
    csv = b"time,key,tenant,address,path,x-model,cost\n2026-01-01T00:00:00Z,k,acme,::1,/a?b,m,3\n1767225600,k,a,,,,\n"
    json = b'{"time":1767225600.5,"key":"k","tenant":"acme","address":"1.2.3.4","path":"/","x-model":"m","cost":1}\n'
    envoy = b'[2026-01-01T00:00:00.000Z] "GET /a HTTP/1.1" 200 - 0 1 2 3 "1.2.3.4" "c" "id" "h" "1.1.1.1:80" "k" "a"\n'
    for form in range(4):
        for text in (csv, json, envoy):
            yield bytes([1, form]) + text
            yield bytes([1, form]) + gzip.compress(text)
    yield bytes([1, 2]) + b'{"time":"' + b"9" * 5000 + b'"}\n{"time":1' + b"0" * 400 + b"}\n" + b"[" * 5000


TARGET = Target("arrivals", _run, _seeds, ("time", "1e309", "-0001-01-01", "\\ud800", "\u0661"), 2048)
