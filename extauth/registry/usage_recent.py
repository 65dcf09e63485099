"""The traffic of the last minutes for /metrics: keys with the most checks, and all others in one."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, case, func, literal, select, union_all

from extauth.registry import times
from extauth.registry.database import Database
from extauth.registry.schema import usage_minutes
from extauth.registry.usage_tables import MINUTE, floor
from extauth.store.usage_batch import ALLOWED, LIMITED
from extauth.telemetry.ledger_metrics import OTHERS, RecentChecks

_SETTLED = MINUTE // 2  # sidecars have sent their part of a minute by then
_OUTCOMES = ("allowed", "limited", "denied")


class RecentUsage:
    """`refresh` from one thread; UnavailableError. `window` in milliseconds, `clock` in Unix milliseconds."""

    def __init__(
        self,
        database: Database,
        shown: RecentChecks,
        *,
        window: int,
        series: int,
        clock: Callable[[], int] = times.now,
    ) -> None:
        self._database = database
        self._shown = shown
        self._window = floor(window, MINUTE)
        self._most = series // len(_OUTCOMES) - 1  # and all others
        self._clock = clock

    def refresh(self) -> None:
        """Look at the last window that is over."""
        end = floor(self._clock() - _SETTLED, MINUTE)
        with self._database.read() as connection:
            keys, total = _busiest(connection, end - self._window, end, self._most)
        told = [((row["key_id"], row["tenant"], outcome), int(row[outcome])) for row in keys for outcome in _OUTCOMES]
        others = (
            ((OTHERS, "", outcome), int(total[outcome]) - sum(int(row[outcome]) for row in keys))
            for outcome in _OUTCOMES
        )
        self._shown.show([*told, *others])


def _busiest(connection: Connection, begin: int, end: int, most: int) -> tuple[list[RowMapping], RowMapping]:
    """The keys with the most checks, and the sum of all; of one moment, since it is one statement."""
    columns = usage_minutes.c
    allowed, limited = columns.outcome == ALLOWED, columns.outcome == LIMITED
    checks = [_sum(allowed, "allowed"), _sum(limited, "limited"), _sum(~(allowed | limited), "denied")]
    window = (columns.start >= begin, columns.start < end)
    by_key = (
        select(columns.key_id, columns.tenant, *checks, literal(0).label("is_total"))
        .where(*window)
        .group_by(columns.key_id, columns.tenant)
        .order_by(func.sum(columns.checks).desc(), columns.key_id, columns.tenant)
        .limit(most)
        .subquery()
    )
    total = select(literal("").label("key_id"), literal("").label("tenant"), *checks, literal(1)).where(*window)
    rows = connection.execute(union_all(select(by_key), total)).mappings().all()
    (in_all,) = (row for row in rows if row["is_total"])
    return [row for row in rows if not row["is_total"]], in_all


def _sum(condition: ColumnElement[bool], name: str) -> ColumnElement[Any]:
    return func.coalesce(func.sum(case((condition, usage_minutes.c.checks), else_=0)), 0).label(name)
