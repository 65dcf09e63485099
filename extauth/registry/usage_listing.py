"""Reading the ledger for people: sums by hour or day, newest first, page by page."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import BigInteger, ColumnElement, Connection, RowMapping, case, func, literal_column, select, tuple_

from extauth.registry.fields import check_usage_search
from extauth.registry.paging import decode, encode, strange_cursor
from extauth.registry.schema import usage_hours

HOUR = 3_600_000
"""Milliseconds."""

Period = Literal["hour", "day"]
"""Days are those of UTC."""
_LENGTHS: dict[Period, int] = {"hour": HOUR, "day": 24 * HOUR}
_SPANS: dict[Period, int] = {"hour": 24 * HOUR, "day": 30 * 24 * HOUR}
_LATEST = 2**53


@dataclass(frozen=True, slots=True)
class UsageFilter:
    """Which usage is wanted; an empty text for any. Times are Unix milliseconds.

    From the period that holds `begin` (a day, or 30 days, before `end` when it is None) to before `end` (None: now).
    """

    key_id: str = ""
    tenant: str = ""
    api: str = ""
    begin: int | None = None
    end: int | None = None
    by: Period = "hour"


@dataclass(frozen=True, slots=True)
class Usage:
    """The checks of one key at one API in one period, which began at `start` (Unix milliseconds)."""

    start: int
    key_id: str
    tenant: str
    api: str
    allowed: int
    limited: int
    denied: int


@dataclass(frozen=True, slots=True)
class UsagePage:
    """Some sums, and the cursor of the page after them, empty on the last one."""

    items: Sequence[Usage]
    next_cursor: str


def find_usage(connection: Connection, wanted: UsageFilter, limit: int, cursor: str, now: int) -> UsagePage:
    """At most `limit` sums from `cursor` on; InvalidError."""
    end = now if wanted.end is None else wanted.end
    begin = end - _SPANS[wanted.by] if wanted.begin is None else wanted.begin
    check_usage_search(wanted.key_id, wanted.tenant, wanted.api, (begin, end), limit)
    columns = usage_hours.c
    length = _LENGTHS[wanted.by]
    # Not a bound parameter: PostgreSQL would not see that what is selected is what is grouped by.
    start = columns.hour - columns.hour % literal_column(str(length), BigInteger)
    names = (start, columns.key_id, columns.tenant, columns.api)
    conditions = [columns.hour >= begin - begin % length, columns.hour < end]
    for column, name in ((columns.key_id, wanted.key_id), (columns.tenant, wanted.tenant), (columns.api, wanted.api)):
        if name:
            conditions.append(column == name)
    if cursor:
        conditions.append(tuple_(*names) < tuple_(*_position(cursor)))
    statement = (
        select(start.label("start"), *names[1:], *map(_sum, ("allowed", "limited", "denied")))
        .where(*conditions)
        .group_by(*names)
        .order_by(*(name.desc() for name in names))
        .limit(limit + 1)  # one more tells that a page follows
    )
    rows = connection.execute(statement).mappings().all()
    items = [_usage(row) for row in rows[:limit]]
    return UsagePage(items, _cursor(items[-1]) if len(rows) > limit else "")


def _sum(outcome: str) -> ColumnElement[Any]:
    return func.sum(case((usage_hours.c.outcome == outcome, usage_hours.c.checks), else_=0)).label(outcome)


def _usage(row: RowMapping) -> Usage:
    counts = (int(row[outcome]) for outcome in ("allowed", "limited", "denied"))  # PostgreSQL adds up to a Decimal
    return Usage(row["start"], row["key_id"], row["tenant"], row["api"], *counts)


def _cursor(last: Usage) -> str:
    return encode(json.dumps([last.start, last.key_id, last.tenant, last.api]))


def _position(cursor: str) -> tuple[int, str, str, str]:
    try:
        start, *names = json.loads(decode(cursor))
        key_id, tenant, api = names
    except (ValueError, TypeError, RecursionError):
        raise strange_cursor() from None
    if not isinstance(start, int) or not 0 <= start < _LATEST:
        raise strange_cursor()
    if not all(isinstance(name, str) and name.isprintable() for name in names):
        raise strange_cursor()
    return start, key_id, tenant, api
