"""How much some keys were used, period by period: what the charts show, in one look at the ledger."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import select, union_all

from extauth.registry.database import Database
from extauth.registry.usage_tables import LENGTHS, Resolution, floor, sources
from extauth.store.usage_batch import ALLOWED, LIMITED


class Count(NamedTuple):
    """The checks of one period, which began at `start` (Unix milliseconds)."""

    start: int
    allowed: int = 0
    limited: int = 0
    denied: int = 0

    @property
    def total(self) -> int:
        return self.allowed + self.limited + self.denied


class UsageSeries:
    """`clock` in Unix milliseconds."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock

    def of(self, key_ids: Collection[str], resolution: Resolution, periods: int) -> Mapping[str, Sequence[Count]]:
        """Of each key the last `periods`, oldest first, empty ones too; the last one holds the present.

        May raise UnavailableError.
        """
        length = LENGTHS[resolution]
        begin = floor(self._clock(), length) - (periods - 1) * length
        found: dict[str, list[tuple[int, str, int]]] = {key_id: [] for key_id in key_ids}
        for key_id, start, outcome, checks in self._rows(key_ids, resolution, begin):
            found[key_id].append((start, outcome, int(checks)))
        return {key_id: counts_of(rows, begin, length, periods) for key_id, rows in found.items()}

    def _rows(
        self, key_ids: Collection[str], resolution: Resolution, begin: int
    ) -> Sequence[tuple[str, int, str, int]]:
        if not key_ids:
            return []
        parts = [
            select(table.c.key_id, table.c.start, table.c.outcome, table.c.checks).where(
                table.c.key_id.in_(key_ids), table.c.start >= begin, *conditions
            )
            for table, conditions in sources(resolution)
        ]
        with self._database.read() as connection:
            return [(row[0], row[1], row[2], row[3]) for row in connection.execute(union_all(*parts))]


def counts_of(rows: Iterable[tuple[int, str, int]], begin: int, length: int, periods: int) -> list[Count]:
    """Sums of rows of start, outcome and checks, for each of `periods` from `begin` on, `length` milliseconds each."""
    found = [[0, 0, 0] for _ in range(periods)]
    for start, outcome, checks in rows:
        index = (start - begin) // length
        if index < periods:  # clocks of sidecars may be ahead
            found[index][_PLACES.get(outcome, _DENIED)] += checks
    return [Count(begin + index * length, *counts) for index, counts in enumerate(found)]


_PLACES = {ALLOWED: 0, LIMITED: 1}
_DENIED = 2
