"""Making keys and records."""

from typing import Any

from extauth.keys.digest import Pepper
from extauth.keys.record import KeyRecord, Status, Version
from extauth.keys.token import Token, generate

PEPPER = Pepper("p1", b"a pepper for tests, 32 bytes long")


def issue(revision: int = 1, *, epoch: int = 1, status: Status = Status.ACTIVE, **fields: Any) -> tuple[str, KeyRecord]:
    """A new key's text and its record."""
    token = generate("test")
    return str(token), record_of(token, revision, epoch=epoch, status=status, **fields)


def record_of(
    token: Token, revision: int, *, epoch: int = 1, status: Status = Status.ACTIVE, **fields: Any
) -> KeyRecord:
    """The record of a key at a revision."""
    return KeyRecord(
        key_id=token.key_id,
        digest=PEPPER.digest(str(token)),
        pepper_id=PEPPER.id,
        version=Version(epoch, revision),
        status=status,
        **{"tenant": "acme", **fields},
    )
