"""Reading the ledger for people: sums by minute, hour or day and by what they ask for, newest first, page by page."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Table,
    case,
    func,
    literal_column,
    select,
    tuple_,
    union_all,
)

from extauth.registry.errors import FieldProblem, InvalidError
from extauth.registry.fields import check_usage_search
from extauth.registry.paging import decode, encode, strange_cursor
from extauth.registry.usage_tables import DAY, HOUR, LENGTHS, Level, Resolution, floor, levels, sources
from extauth.store.usage_batch import ALLOWED, LIMITED

Group = Literal["key", "tenant", "api", "outcome"]
Period = Literal["minute", "hour", "day", "total"]
"""`total` is one sum for all of the time that is asked for."""
GROUPS: dict[Group, str] = {"key": "key_id", "tenant": "tenant", "api": "api", "outcome": "outcome"}
"""What usage can be grouped by, and the columns."""

_USUAL: dict[Period, int] = {"minute": HOUR, "hour": DAY, "day": 30 * DAY, "total": DAY}  # shown unless asked
_LONGEST: dict[Resolution, int] = {
    "minute": 3 * HOUR,
    "hour": 14 * DAY,
}  # shown so unless asked
_LATEST = 2**53
_WIDER = 4  # times, from one look at the table to the next


@dataclass(frozen=True, slots=True)
class UsageFilter:
    """Which usage is wanted; an empty text for any. Times are Unix milliseconds.

    From the period that holds `begin` (an hour, a day or 30 days before `end` when it is None) to the one that holds
    `end` or ends with it (None: holds the present). Without a resolution, by the finest that is kept for that time and
    shows it well.
    """

    key_id: str = ""
    tenant: str = ""
    api: str = ""
    outcome: str = ""
    begin: int | None = None
    end: int | None = None
    by: tuple[Group, ...] = ("key", "tenant", "api")
    period: Period | None = None


class Usage(NamedTuple):
    """The checks of one period, from `start` to before `end` (Unix milliseconds)."""

    start: int
    end: int
    names: tuple[str, ...]
    """Whose they are: a value for each of what they are grouped by."""
    allowed: int
    limited: int
    denied: int


@dataclass(frozen=True, slots=True)
class UsageScope:
    """What is summed up: a filter with its times and its resolution settled, on whole periods."""

    wanted: UsageFilter
    begin: int
    end: int
    resolution: Resolution

    @property
    def length(self) -> int:
        """Of the periods that are told apart."""
        return self.end - self.begin if self.wanted.period == "total" else LENGTHS[self.resolution]


@dataclass(frozen=True, slots=True)
class UsagePage:
    """Some sums, and the cursor of the page after them, empty on the last one."""

    scope: UsageScope
    items: Sequence[Usage]
    next_cursor: str


def find_usage(connection: Connection, wanted: UsageFilter, limit: int, cursor: str, now: int) -> UsagePage:
    """At most `limit` sums from `cursor` on; InvalidError."""
    scope = usage_scope(connection, wanted, now, limit)
    after = _position(cursor, len(wanted.by)) if cursor else None
    items = usage_after(connection, scope, after, limit + 1)  # one more tells that a page follows
    return UsagePage(scope, items[:limit], _cursor(items[limit - 1]) if len(items) > limit else "")


def usage_scope(connection: Connection, wanted: UsageFilter, now: int, limit: int = 1) -> UsageScope:
    """Settle times and resolution; InvalidError."""
    end = now + 1 if wanted.end is None else wanted.end
    begin = end - _USUAL[wanted.period or "hour"] if wanted.begin is None else wanted.begin
    check_usage_search(wanted.key_id, wanted.tenant, wanted.api, (begin, end), limit)
    held = levels(connection)
    resolution = _resolution(wanted.period, begin, end, held)
    length = LENGTHS[resolution]
    begin, end = max(floor(begin, length), 0), end + -end % length
    kept_from = held[resolution].kept_from
    if wanted.begin is None:
        begin = max(begin, min(kept_from, end - length))
    elif begin < kept_from and resolution in _LONGEST:
        problem = FieldProblem("from", f"is before the first {resolution} that is kept", "use a coarser resolution")
        raise InvalidError([problem])
    return UsageScope(wanted, begin, end, resolution)


def usage_after(connection: Connection, scope: UsageScope, after: Usage | None, limit: int) -> list[Usage]:
    """At most `limit` sums, newest first, from the one after `after` on.

    One period at first and, as long as there are too few, more and more of them: a page of long lists costs as much as
    the periods that it shows, and one of short lists a few looks.
    """
    found: list[Usage] = []
    top = scope.end if after is None else min(after.start + scope.length, scope.end)
    span = scope.length
    while top > scope.begin and len(found) < limit:
        low = max(top - span, scope.begin)
        statement = _sums(scope, low, top).limit(limit - len(found))
        if after is not None:
            columns = list(statement.selected_columns)[: 1 + len(scope.wanted.by)]
            position = (after.start, *after.names)
            statement = statement.where(tuple_(*columns) < tuple_(*position))
        found += [_usage(row, scope) for row in connection.execute(statement)]
        top, span = low, span * _WIDER
    return found


def _resolution(period: Period | None, begin: int, end: int, held: dict[Resolution, Level]) -> Resolution:
    if period is not None and period != "total":
        return period
    for resolution, longest in _LONGEST.items():
        if end - begin <= longest and held[resolution].kept_from <= floor(begin, LENGTHS[resolution]):
            return resolution
    return "day"


def _sums(scope: UsageScope, low: int, top: int) -> Select[Any]:
    """The sums of the periods from `low` to before `top`: start, names, checks allowed, limited and denied."""
    rows = union_all(*_rows(scope, low, top)).subquery()
    groups = [rows.c.start, *(rows.c[GROUPS[group]] for group in scope.wanted.by)]
    allowed, limited = (rows.c.outcome == outcome for outcome in (ALLOWED, LIMITED))
    return (
        select(*groups, *(_sum(rows.c.checks, of) for of in (allowed, limited, ~(allowed | limited))))
        .group_by(*groups)
        .order_by(*(group.desc() for group in groups))
    )


def _rows(scope: UsageScope, low: int, top: int) -> Iterator[Select[Any]]:
    """Of each table, the rows that count, with the start of the period to which they belong."""
    wanted = scope.wanted
    names = {"key_id": wanted.key_id, "tenant": wanted.tenant, "api": wanted.api, "outcome": wanted.outcome}
    for table, conditions in sources(scope.resolution):
        chosen = [table.c[column] == name for column, name in names.items() if name]
        yield select(_start(table, scope).label("start"), *(table.c[column] for column in names), table.c.checks).where(
            table.c.start >= low, table.c.start < top, *conditions, *chosen
        )


def _start(table: Table, scope: UsageScope) -> ColumnElement[int]:
    # Not bound parameters: the statement is the same for all, and PostgreSQL sees what is grouped by.
    if scope.wanted.period == "total":
        return literal_column(str(scope.begin), BigInteger)
    return table.c.start - table.c.start % literal_column(str(scope.length), BigInteger)


def _sum(checks: ColumnElement[int], condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, checks), else_=0))


def _usage(row: Sequence[Any], scope: UsageScope) -> Usage:
    start, *names = row[:-3]
    counts = (int(count) for count in row[-3:])  # PostgreSQL adds up to a Decimal
    return Usage(start, start + scope.length, tuple(names), *counts)


def _cursor(last: Usage) -> str:
    return encode(json.dumps([last.start, *last.names]))


def _position(cursor: str, groups: int) -> Usage:
    """The place of a sum, as far as `_cursor` told it; InvalidError."""
    try:
        start, *names = json.loads(decode(cursor))
    except (ValueError, TypeError, RecursionError):
        raise strange_cursor() from None
    if not isinstance(start, int) or not 0 <= start < _LATEST or len(names) != groups:
        raise strange_cursor()
    if not all(isinstance(name, str) and name.isprintable() for name in names):
        raise strange_cursor()
    return Usage(start, start, tuple(names), 0, 0, 0)
