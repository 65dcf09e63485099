"""Unix milliseconds, as everything inside keeps time, and RFC 3339, as people and JSON write it."""

import re
import time
from datetime import UTC, datetime, timedelta

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def now() -> int:
    """The time in Unix milliseconds."""
    return time.time_ns() // 1_000_000


def to_rfc3339(milliseconds: int) -> str:
    """`2026-11-22T01:42:30.123Z`."""
    moment = _EPOCH + milliseconds * _MILLISECOND
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_rfc3339(text: str) -> int:
    """Unix milliseconds; ValueError that says how to write it."""
    if _RFC3339.fullmatch(text):
        try:
            return (datetime.fromisoformat(text.upper()) - _EPOCH) // _MILLISECOND
        except (ValueError, OverflowError):
            pass  # a 13th month, a 25th hour
    raise ValueError("is not a time: use RFC 3339 with an offset, such as 2027-01-31T12:00:00Z")
