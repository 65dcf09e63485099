"""A quota: so many requests in each hour, day, week or month of the calendar."""

import re
from dataclasses import dataclass
from typing import Annotated, cast

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from extauth.settings.window import UNITS, Unit

_QUOTA = re.compile(rf"(\d{{1,10}})\s*/\s*({'|'.join(UNITS)})", re.ASCII)
_MOST = 1_000_000_000


@dataclass(frozen=True, slots=True)
class QuotaValue:
    """So many requests in each of these windows."""

    amount: int
    unit: Unit

    def __str__(self) -> str:
        return f"{self.amount}/{self.unit}"


def _quota(value: object) -> QuotaValue:
    if isinstance(value, QuotaValue):
        return value
    match = _QUOTA.fullmatch(value) if isinstance(value, str) else None
    if match is None or not 1 <= int(match[1]) <= _MOST:
        raise ValueError(f"{value!r} is not a quota: use 1 to {_MOST:,} requests over {', '.join(UNITS)}: 100000/month")
    return QuotaValue(int(match[1]), cast("Unit", match[2]))


Quota = Annotated[
    QuotaValue,
    BeforeValidator(_quota),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^{_QUOTA.pattern}$", "examples": ["100000/month", "1000/day"]}),
]
"""In a file `100000/month`, `5000/week`, `1000/day`, `100/hour`."""
