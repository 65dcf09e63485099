"""A batch of usage on its way from a sidecar to the registry: what it says, and how it stands in the stream.

An entry has two fields: `id`, `<instance>-<sequence>`, and `rows`, deflated JSON, a list of lists: key id, tenant, api,
minute (since 1970), last use (Unix milliseconds), checks allowed, limited, denied.
"""

import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Outcome = Literal["allowed", "limited", "denied"]
"""What became of a check of a known key."""

MINUTE = 60_000
"""Milliseconds."""
MAX_TEXT = 128
"""Characters of a key id, tenant or API name."""
MAX_BYTES = 64 * 1024 * 1024
"""Of the JSON of a batch."""

_ID = re.compile(rb"([0-9a-f]{16})-([1-9][0-9]{0,15})")
_NAMES = 3  # of the values of a row; the rest are numbers, each below its limit
_LIMITS = (2**32, 2**53, 2**32, 2**32, 2**32)


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
    allowed: int = 0
    limited: int = 0
    denied: int = 0

    @property
    def by_outcome(self) -> tuple[int, int, int]:
        """Checks allowed, limited and denied."""
        return self.allowed, self.limited, self.denied


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
            [row.key_id, row.tenant, row.api, row.minute // MINUTE, row.last_used_at, *row.by_outcome]
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
    if not isinstance(values, list) or len(values) != _NAMES + len(_LIMITS):
        raise MalformedBatchError("a row that is not one of usage")
    if not all(isinstance(name, str) and is_storable(name) for name in values[:_NAMES]):
        raise MalformedBatchError("a row with a name that cannot be")
    if not all(map(_is_below, values[_NAMES:], _LIMITS)):
        raise MalformedBatchError("a row with a number that cannot be")
    key_id, tenant, api, minute, *rest = values
    return UsageRow(key_id, tenant, api, minute * MINUTE, *rest)


def _is_below(value: object, limit: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < limit
