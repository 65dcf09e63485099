"""The tables of the ledger: one for each resolution, the coarser ones filled from the finer ones by the fold.

A check is written once, into its minute. The fold copies minutes into hours and hours into days, in order, and
`usage_resolutions` remembers how far it has come. What one resolution has is therefore its own table, and of the next
finer one what is not folded yet: every check once, wherever the fold stands.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from sqlalchemy import ColumnElement, Connection, Table, and_, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from extauth.registry.schema import usage_days, usage_hours, usage_minutes, usage_resolutions

Resolution = Literal["minute", "hour", "day"]
"""Days are those of UTC."""
MINUTE = 60_000
"""Milliseconds."""
HOUR = 60 * MINUTE
DAY = 24 * HOUR

LENGTHS: Mapping[Resolution, int] = {"minute": MINUTE, "hour": HOUR, "day": DAY}
TABLES: Mapping[Resolution, Table] = {"minute": usage_minutes, "hour": usage_hours, "day": usage_days}
FINER: Mapping[Resolution, Resolution] = {"hour": "minute", "day": "hour"}
"""From which resolution one is filled."""
COARSER: Mapping[Resolution, Resolution] = {finer: coarser for coarser, finer in FINER.items()}

INSERT: Mapping[str, Callable[[Table], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
"""What both databases can do on a conflict, each has in a dialect of its own."""

Sums: TypeAlias = Counter[tuple[int, str, str, str, str]]
"""Start, key id, tenant, api and outcome -> checks."""


@dataclass(frozen=True, slots=True)
class Level:
    """How things stand with the table of one resolution. Times are Unix milliseconds."""

    folded_to: int
    """With `folded_key`: the first (start, key id) of the finer table that is not in this one yet."""
    folded_key: str
    kept_from: int
    """Before this, usage is no longer kept at this resolution."""

    def has(self, start: int, key_id: str) -> bool:
        """Whether such a row of the finer table is in this one."""
        return (start, key_id) < (self.folded_to, self.folded_key)


def levels(connection: Connection, lock: Literal["share", "update"] | None = None) -> dict[Resolution, Level]:
    """All of them. Writers of usage hold them shared until the transaction ends, the fold holds them alone."""
    columns = usage_resolutions.c
    statement = select(columns.name, columns.folded_to, columns.folded_key, columns.kept_from).order_by(columns.name)
    if lock is not None:
        statement = statement.with_for_update(read=lock == "share")
    return {name: Level(*level) for name, *level in connection.execute(statement)}


def sources(resolution: Resolution) -> Iterator[tuple[Table, list[ColumnElement[bool]]]]:
    """The tables that together have each check once at this resolution, each with what restricts it to that.

    To be used in one statement: the fold may move on between two.
    """
    yield TABLES[resolution], []
    while resolution in FINER:
        finer = FINER[resolution]
        yield TABLES[finer], [_not_folded(TABLES[finer], resolution)]
        resolution = finer


def floor(time: int, length: int) -> int:
    """When the period that holds `time` began."""
    return time - time % length


def add_up(connection: Connection, table: Table, sums: Sums) -> None:
    """Add checks to those in the table; in the order of its key, so that two writers never wait for each other."""
    names = [column.name for column in table.columns]
    values = [dict(zip(names, (*name, checks), strict=True)) for name, checks in sorted(sums.items()) if checks]
    if values:
        insert = INSERT[connection.dialect.name](table)
        connection.execute(on_conflict_add(insert, table), values)


def on_conflict_add(insert: Any, table: Table) -> Any:  # noqa: ANN401 (of either dialect)
    """Let the checks of rows that are there already grow by those of the new ones."""
    return insert.on_conflict_do_update(
        index_elements=list(table.primary_key.columns),
        set_={"checks": table.c.checks + insert.excluded.checks},
    )


def _not_folded(table: Table, into: Resolution) -> ColumnElement[bool]:
    level = usage_resolutions.c
    start = select(level.folded_to).where(level.name == into).scalar_subquery()
    key_id = select(level.folded_key).where(level.name == into).scalar_subquery()
    return and_(table.c.start >= start, or_(table.c.start > start, table.c.key_id >= key_id))
