"""The fold: minutes of the ledger become hours, hours become days, and what is older than its retention goes.

Each step is one transaction on a bounded number of rows, and writes with them how far it has come. So it can be killed
at any point and run in several registries at once, and each row is folded once.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeAlias

from sqlalchemy import ColumnElement, Connection, Table, delete, func, select, update

from extauth.registry import times
from extauth.registry.database import Database
from extauth.registry.schema import usage_resolutions
from extauth.registry.usage_tables import (
    COARSER,
    FINER,
    HOUR,
    INSERT,
    LENGTHS,
    MINUTE,
    TABLES,
    Level,
    Resolution,
    floor,
    levels,
    on_conflict_add,
)

BATCH = 5_000
"""Rows of a step, and those of one key more: other writers of the registry wait meanwhile."""
_SETTLED = 5 * MINUTE  # sidecars have sent nearly all by then; what comes later is added to both tables


Retention: TypeAlias = Mapping[Resolution, int | None]
"""For how many milliseconds usage is kept at each resolution, None for ever. Minutes may wait for the fold longer."""


class UsageFold:
    """`step` or `run`, from one thread. All may raise UnavailableError. `clock` in Unix milliseconds."""

    def __init__(self, database: Database, retention: Retention, clock: Callable[[], int] = times.now) -> None:
        self._database = database
        self._retention = retention
        self._clock = clock

    def run(self, stopping: threading.Event) -> None:
        """Do all that there is to do, unless `stopping` is set meanwhile.

        As long a pause as each step took leaves half of the time to other writers.
        """
        began = time.monotonic()
        while not stopping.is_set() and self.step():
            stopping.wait(time.monotonic() - began)
            began = time.monotonic()

    def lag(self) -> float:
        """Seconds since the oldest minute that is not in its hour yet was over."""
        with self._database.read() as connection:
            folded_to = levels(connection)["hour"].folded_to
            oldest = _oldest(connection, TABLES["minute"], TABLES["minute"].c.start >= folded_to)
        return 0.0 if oldest is None else max(self._clock() - oldest - MINUTE, 0) / 1000

    def step(self) -> bool:
        """Fold or remove some rows; False when there were none."""
        now = self._clock()
        with self._database.write() as connection:
            held = levels(connection, lock="update")
            ends: Mapping[Resolution, int] = {
                "hour": floor(now - _SETTLED, MINUTE),
                "day": floor(held["hour"].folded_to, HOUR),  # only hours that have all of their minutes
            }
            return any(_fold(connection, into, held[into], end) for into, end in ends.items()) or any(
                _purge(connection, resolution, held, now - kept)
                for resolution, kept in self._retention.items()
                if kept is not None
            )


def _fold(connection: Connection, into: Resolution, level: Level, end: int) -> bool:
    """Fold rows of the oldest period that is not folded and began before `end`."""
    finer = FINER[into]
    source, target = TABLES[finer], TABLES[into]
    start = _oldest(connection, source, source.c.start >= level.folded_to, source.c.start < end)
    if start is None:
        if level.folded_to < end:
            _save(connection, into, folded_to=end, folded_key="")
        return False
    key_id = level.folded_key if start == level.folded_to else ""
    following = _key_after(connection, source, start, key_id)
    rows = select(source.c.start - source.c.start % LENGTHS[into], *list(source.c)[1:])
    insert = INSERT[connection.dialect.name](target).from_select(
        [column.name for column in target.columns], rows.where(*_slice(source, start, key_id, following))
    )
    connection.execute(on_conflict_add(insert, target))
    _save(connection, into, folded_to=start if following else start + LENGTHS[finer], folded_key=following)
    return True


def _purge(connection: Connection, resolution: Resolution, held: Mapping[Resolution, Level], before: int) -> bool:
    """Remove rows of the oldest period that is over `before` that time and folded; tell first, remove then."""
    table, level = TABLES[resolution], held[resolution]
    end = before if resolution not in COARSER else min(before, held[COARSER[resolution]].folded_to)
    end = max(floor(end, LENGTHS[resolution]), level.kept_from)
    if end > level.kept_from:
        _save(connection, resolution, kept_from=end)
    start = _oldest(connection, table, table.c.start < end)
    if start is None:
        return False
    following = _key_after(connection, table, start, "")
    connection.execute(delete(table).where(*_slice(table, start, "", following)))
    return True


def _oldest(connection: Connection, table: Table, *conditions: ColumnElement[bool]) -> int | None:
    found: int | None = connection.execute(select(func.min(table.c.start)).where(*conditions)).scalar_one()
    return found


def _key_after(connection: Connection, table: Table, start: int, key_id: str) -> str:
    """The key before which this period has about a batch of rows from `key_id` on, "" when it has no more."""
    key = table.c.key_id
    period = select(key).where(table.c.start == start)
    last = period.where(key >= key_id).order_by(key).offset(BATCH - 1).limit(1)
    following = period.where(key > last.scalar_subquery()).order_by(key).limit(1)
    return connection.execute(following).scalar() or ""


def _slice(table: Table, start: int, key_id: str, following: str) -> list[ColumnElement[bool]]:
    """The rows of one period from `key_id` to before `following`, to the end when that is empty."""
    conditions = [table.c.start == start, table.c.key_id >= key_id]
    return [*conditions, table.c.key_id < following] if following else conditions


def _save(connection: Connection, resolution: Resolution, **values: int | str) -> None:
    connection.execute(update(usage_resolutions).where(usage_resolutions.c.name == resolution).values(**values))
