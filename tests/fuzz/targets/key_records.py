"""Any bytes as a key's record in Redis: no ALLOW unless protobuf itself reads that the key is in force."""

from collections.abc import Iterator
from functools import cache

from google.protobuf.message import DecodeError

from extauth.keys.record import LimitOverride, Owner, Status
from extauth.keys.token import Token, generate
from extauth.store.names import Names
from extauth.wire.registry.v1 import registry_pb2
from tests.fuzz.checked import NAMES, Checked, settings_of
from tests.fuzz.target import Target
from tests.support.check_messages import check_request
from tests.support.keys import PEPPER, record_of

API = {
    "name": "api",
    "credentials": [{"header": "x-api-key"}],
    "limits": [
        {"name": "burst", "by": "key", "rate": "10/s"},
        {"name": "day", "by": "tenant", "quota": "1000/day"},
        {"name": "plans", "by": ["plan", "key"], "rate": "1000/s"},
    ],
    "upstream_headers": {"name": "x-name", "scopes": "x-scopes", "plan": "x-plan"},
    "permissions": [{"paths": ["/open/{team}"], "scopes": ["read:{team}"]}, {}],
    "errors": {"default": {"body": "{key_id} {tenant} {expires_at}"}},
}


@cache
def _checked() -> Checked:
    return Checked(settings_of(API))


@cache
def _token() -> Token:
    return generate("test")


def _run(data: bytes) -> None:
    checked, key = _checked(), str(_token())
    digest = PEPPER.digest(key)
    checked.good[:] = [key]
    checked.queue.values[_name(NAMES, digest)] = data
    checked.cache.clear()
    for path in ("/", "/open/red"):
        answer = checked.ask(check_request({"x-api-key": key}, path=path))
        if answer.kind == "ok":
            assert _is_in_force(data, digest), data


def _name(names: Names, digest: bytes) -> str:
    return names.record(PEPPER.id, digest)


def _is_in_force(data: bytes, digest: bytes) -> bool:
    try:
        message = registry_pb2.KeyRecord.FromString(data.partition(b"\n")[2])
    except DecodeError:
        return False
    return message.status == registry_pb2.KeyRecord.ACTIVE and message.digest == digest and bool(message.key_id)


def _seeds() -> Iterator[bytes]:
    limits = (
        LimitOverride("burst", 0.5, 1e-9, 3, Owner.TENANT),
        LimitOverride("day", 5, 86400, owner=Owner.PLAN),
        LimitOverride("plans", 1e300, 1e-300),
    )
    for status in Status:
        for fields in ({}, {"limits": limits}, {"limits": limits[:1], "scopes": ("read:red",), "name": "\r\n\0é"}):
            record = record_of(_token(), 7, status=status, plan="{gold}", expires_at=2**62, **fields)
            yield b"1 7\n" + record.to_bytes()
            yield record.to_bytes()
    yield b""
    yield b"1 7 final\n"


TARGET = Target("key_records", _run, _seeds, longest=1024)
