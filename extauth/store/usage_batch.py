"""A batch of usage on its way from a sidecar to the registry: what it says, and how it stands in the stream.

An entry has two fields: `id`, `<instance>-<sequence>`, and `rows`, deflated JSON, a list of lists: key id, tenant, api,
minute (since 1970), last use (Unix milliseconds), and the checks, a mapping of outcome to number. The sidecars of 0.1
wrote three numbers in its place, checks allowed, limited and denied; such rows are read as well.
"""

import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Outcome: TypeAlias = str
"""What became of a check of a known key: ALLOWED, LIMITED, or `denied:` and the reason, as `denied:expired_key`."""
ALLOWED: Outcome = "allowed"
LIMITED: Outcome = "limited"
DENIED: Outcome = "denied"
"""Of a sidecar that did not say why."""

MINUTE = 60_000
"""Milliseconds."""
MAX_TEXT = 128
"""Characters of a key id, tenant or API name."""
MAX_BYTES = 64 * 1024 * 1024
"""Of the JSON of a batch."""
MAX_OUTCOMES = 64
"""Of one row. There are fewer reasons; more could only fill the ledger."""

_ID = re.compile(rb"([0-9a-f]{16})-([1-9][0-9]{0,15})")
_OUTCOME = re.compile(r"allowed|limited|denied(:[a-z0-9_]{1,32})?")
_MINUTES, _MILLISECONDS, _CHECKS = 2**32, 2**53, 2**32  # each number is below its limit


class MalformedBatchError(ValueError):
    """An entry of the stream that this version cannot read."""


@dataclass(frozen=True, slots=True)
class UsageRow:
    """The checks of one key at one API in one minute. Times are Unix milliseconds."""

    key_id: str
    tenant: str
    api: str
    minute: int
    """When the minute began."""
    last_used_at: int
    checks: Mapping[Outcome, int]

    @property
    def total(self) -> int:
        """Checks, whatever became of them."""
        return sum(self.checks.values())


@dataclass(frozen=True, slots=True)
class UsageBatch:
    """What one sidecar counted in one interval. It numbers its batches from 1 on, and sends them in that order."""

    instance: str
    """16 hexadecimal digits, new at each start of a sidecar."""
    sequence: int
    rows: Sequence[UsageRow]

    def to_fields(self) -> dict[str, str | bytes]:
        """The fields of an entry."""
        rows = [
            [row.key_id, row.tenant, row.api, row.minute // MINUTE, row.last_used_at, dict(row.checks)]
            for row in self.rows
        ]
        packed = zlib.compress(json.dumps(rows, separators=(",", ":")).encode(), level=1)
        return {"id": f"{self.instance}-{self.sequence}", "rows": packed}

    @classmethod
    def from_fields(cls, given: Mapping[bytes, bytes]) -> "UsageBatch":
        """Raise MalformedBatchError for anything that `to_fields` cannot have made."""
        match = _ID.fullmatch(given.get(b"id", b""))
        if match is None:
            raise MalformedBatchError("a batch without an id")
        rows = _unpack(given.get(b"rows", b""))
        return cls(match[1].decode(), int(match[2]), [_row(values) for values in rows])


def is_storable(text: str) -> bool:
    """Whether a key id, tenant or API name can stand in a batch, and in any database."""
    return len(text) <= MAX_TEXT and text.isprintable()


def _unpack(packed: bytes) -> list[Any]:
    unpacker = zlib.decompressobj()
    try:
        rows = json.loads(unpacker.decompress(packed, MAX_BYTES)) if packed else None
    except (zlib.error, ValueError, RecursionError):
        rows = None
    if not isinstance(rows, list) or not unpacker.eof:
        raise MalformedBatchError("a batch whose rows are no list, or too long")
    return rows


def _row(values: Any) -> UsageRow:  # noqa: ANN401 (JSON of any shape)
    match values:
        case [key_id, tenant, api, minute, last_used_at, dict(checks)]:
            pass
        case [key_id, tenant, api, minute, last_used_at, allowed, limited, denied]:
            checks = {ALLOWED: allowed, LIMITED: limited, DENIED: denied}
        case _:
            raise MalformedBatchError("a row that is not one of usage")
    if not all(isinstance(name, str) and is_storable(name) for name in (key_id, tenant, api)):
        raise MalformedBatchError("a row with a name that cannot be")
    if not (_is_below(minute, _MINUTES) and _is_below(last_used_at, _MILLISECONDS)):
        raise MalformedBatchError("a row with a time that cannot be")
    if len(checks) > MAX_OUTCOMES or not all(map(_is_count, checks.items())):
        raise MalformedBatchError("a row with checks that cannot be")
    return UsageRow(key_id, tenant, api, minute * MINUTE, last_used_at, checks)


def _is_count(item: tuple[str, object]) -> bool:
    outcome, number = item
    return _OUTCOME.fullmatch(outcome) is not None and _is_below(number, _CHECKS)


def _is_below(value: object, limit: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < limit
