"""How much all keys, or those of one tenant, were used: in each period, with what outcome, and by whom most."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, Select, Subquery, case, func, literal_column, select, union_all

from extauth.registry.console.usage_series import Count, counts_of
from extauth.registry.database import Database
from extauth.registry.schema import keys
from extauth.registry.usage_tables import LENGTHS, Resolution, floor, sources
from extauth.store.usage_batch import ALLOWED, LIMITED

_TOP = 10


class User(NamedTuple):
    """A key or a tenant, and its checks."""

    id: str
    name: str
    """What people call it; the id where the registry does not know it."""
    tenant: str
    allowed: int
    limited: int
    denied: int

    @property
    def total(self) -> int:
        return self.allowed + self.limited + self.denied


@dataclass(frozen=True, slots=True)
class Overview:
    """The checks of some periods up to now."""

    counts: Sequence[Count]
    """Of each period, oldest first, empty ones too; the last one holds the present."""
    outcomes: Sequence[tuple[str, int]]
    """allowed, limited, or denied: and the reason, with the number of checks; most frequent first."""
    keys: Sequence[User]
    """Those with the most checks."""
    tenants: Sequence[User]
    """The same; empty for one tenant."""

    @property
    def sums(self) -> Count:
        counts = self.counts
        return Count(
            counts[0].start,
            sum(one.allowed for one in counts),
            sum(one.limited for one in counts),
            sum(one.denied for one in counts),
        )


class UsageOverview:
    """`clock` in Unix milliseconds."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock

    def begin(self, resolution: Resolution, periods: int) -> int:
        """Of the last `periods`, one of which holds the present; Unix milliseconds."""
        length = LENGTHS[resolution]
        return floor(self._clock(), length) - (periods - 1) * length

    def of(self, resolution: Resolution, periods: int, tenant: str = "") -> Overview:
        """Of a tenant or, with an empty text, of all. May raise UnavailableError."""
        begin, length = self.begin(resolution, periods), LENGTHS[resolution]
        rows = _rows(resolution, begin, tenant)
        with self._database.read() as connection:
            found = [(row[0], row[1], int(row[2])) for row in connection.execute(_by_outcome(rows, length))]
            top_keys = [_user(row[0], row) for row in connection.execute(_top(rows, "key_id", "tenant"))]
            top_keys = _named(connection, top_keys)
            top_tenants = connection.execute(_top(rows, "tenant", "tenant")).all() if not tenant else ()
        outcomes: Counter[str] = Counter()
        for _, outcome, checks in found:
            outcomes[outcome] += checks
        counts = counts_of(found, begin, length, periods)
        return Overview(counts, outcomes.most_common(), top_keys, [_user(row[0], row) for row in top_tenants])


def _rows(resolution: Resolution, begin: int, tenant: str) -> Subquery:
    """Each check once, whichever table it is in."""
    parts = []
    for table, conditions in sources(resolution):
        columns = (table.c.start, table.c.key_id, table.c.tenant, table.c.outcome, table.c.checks)
        of_tenant = [table.c.tenant == tenant] if tenant else []
        parts.append(select(*columns).where(table.c.start >= begin, *conditions, *of_tenant))
    return union_all(*parts).subquery()


def _by_outcome(rows: Subquery, length: int) -> Select[Any]:
    start = rows.c.start - rows.c.start % literal_column(str(length), BigInteger)  # no parameter: it is grouped by
    return select(start, rows.c.outcome, func.sum(rows.c.checks)).group_by(start, rows.c.outcome)


def _top(rows: Subquery, *names: str) -> Select[Any]:
    """Rows of two names, and of checks allowed, limited and denied."""
    columns = [rows.c[name].label(f"name_{place}") for place, name in enumerate(names)]
    allowed, limited = rows.c.outcome == ALLOWED, rows.c.outcome == LIMITED
    sums = [func.sum(case((of, rows.c.checks), else_=0)) for of in (allowed, limited, ~(allowed | limited))]
    groups = [rows.c[name] for name in dict.fromkeys(names)]
    return select(*columns, *sums).group_by(*groups).order_by(func.sum(rows.c.checks).desc(), *groups).limit(_TOP)


def _user(user_id: str, row: Sequence[Any]) -> User:
    allowed, limited, denied = (int(checks) for checks in row[2:])  # PostgreSQL adds up to a Decimal
    return User(user_id, user_id, row[1], allowed, limited, denied)


def _named(connection: Connection, users: Sequence[User]) -> list[User]:
    """The ledger has ids alone."""
    wanted = select(keys.c.id, keys.c.name).where(keys.c.id.in_([user.id for user in users]))
    names = {row.id: row.name for row in connection.execute(wanted)}
    return [user._replace(name=names.get(user.id, user.id)) for user in users]
