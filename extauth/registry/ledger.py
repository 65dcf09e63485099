"""The ledger: who used what, minute by minute, from the batches that the sidecars send.

A batch and the number up to which its sidecar's batches are in the ledger are written in one transaction. So a batch
that comes again, for whatever reason, is known by its number and left out. A sidecar sends each batch until Redis has
confirmed it, and only then the next one, and a collector reads the stream from its beginning. So a batch is taken
before the one that went ahead of it only where that one never came, or was given up by its sidecar and came late after
all; both are told as missing.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from sqlalchemy import Connection, bindparam, delete, or_, select, update

from extauth.policy.reasons import Reason
from extauth.registry import times
from extauth.registry.database import Database
from extauth.registry.schema import keys, usage_senders
from extauth.registry.usage_listing import (
    Usage,
    UsageFilter,
    UsagePage,
    UsageScope,
    find_usage,
    usage_after,
    usage_scope,
)
from extauth.registry.usage_tables import (
    DAY,
    HOUR,
    INSERT,
    MINUTE,
    TABLES,
    Resolution,
    Sums,
    add_up,
    floor,
    levels,
)
from extauth.store.usage_batch import ALLOWED, DENIED, LIMITED, UsageBatch, UsageRow
from extauth.telemetry.ledger_metrics import LedgerMetrics

_FORGET_SENDERS = 30 * DAY
_OUTCOMES = frozenset({ALLOWED, LIMITED, *(f"{DENIED}:{reason}" for reason in Reason)})
_EXPORT_PAGE = 5_000  # rows in memory, and of one transaction


class Ledger:
    """`add` for the collector, `find` for people. Both may raise UnavailableError. `clock` in Unix milliseconds."""

    def __init__(
        self, database: Database, clock: Callable[[], int] = times.now, metrics: LedgerMetrics | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics

    def add(self, batches: Sequence[UsageBatch]) -> tuple[int, int]:
        """Add the batches that are not in the ledger, all of them or, after an error, none.

        Returns how many that were, and how many of the same sidecars are missing before them.
        """
        now = self._clock()
        with self._database.write() as connection:
            last = _hold_senders(connection, {batch.instance for batch in batches}, now)
            fresh, missing = [], 0
            for batch in batches:
                if batch.sequence > last[batch.instance]:
                    missing += batch.sequence - last[batch.instance] - 1
                    last[batch.instance] = batch.sequence
                    fresh.append(batch)
            if fresh:
                _add_rows(connection, [row for batch in fresh for row in batch.rows], now)
                _save_senders(connection, last, now)
        if self._metrics is not None:
            for outcome, checks in _outcomes(fresh).items():
                self._metrics.checks.labels(outcome).inc(checks)
        return len(fresh), missing

    def find(self, wanted: UsageFilter, limit: int, cursor: str = "") -> UsagePage:
        """At most `limit` (1 to 500) sums, newest first, from `cursor` on; InvalidError."""
        with self._database.read() as connection:
            return find_usage(connection, wanted, limit, cursor, self._clock())

    def export(self, wanted: UsageFilter) -> tuple[UsageScope, Iterator[Sequence[Usage]]]:
        """What is exported, and all sums of it, newest first, some at a time; InvalidError at once.

        No transaction stays open between two parts, however slowly they are taken.
        """
        with self._database.read() as connection:
            scope = usage_scope(connection, wanted, self._clock())
        return scope, self._parts(scope)

    def _parts(self, scope: UsageScope) -> Iterator[Sequence[Usage]]:
        last: Usage | None = None
        while True:
            with self._database.read() as connection:
                part = usage_after(connection, scope, last, _EXPORT_PAGE)
            yield part
            if len(part) < _EXPORT_PAGE:
                return
            last = part[-1]


def _outcomes(batches: Sequence[UsageBatch]) -> Counter[str]:
    """Checks by outcome; one that this version does not know is only a denial, or anybody could make series."""
    found: Counter[str] = Counter()
    for batch in batches:
        for row in batch.rows:
            for outcome, checks in row.checks.items():
                found[outcome if outcome in _OUTCOMES else DENIED] += checks
    return found


def _hold_senders(connection: Connection, instances: set[str], now: int) -> dict[str, int]:
    """The last batch of each sidecar, 0 for none; another collector that asks for one of them waits until the end."""
    rows = [{"instance": instance, "sequence": 0, "seen_at": now} for instance in sorted(instances)]
    connection.execute(INSERT[connection.dialect.name](usage_senders).on_conflict_do_nothing(), rows)
    known = select(usage_senders.c.instance, usage_senders.c.sequence).where(usage_senders.c.instance.in_(instances))
    found = connection.execute(known.order_by(usage_senders.c.instance).with_for_update()).all()
    return {row.instance: row.sequence for row in found}


def _save_senders(connection: Connection, last: Mapping[str, int], now: int) -> None:
    statement = (
        update(usage_senders)
        .where(usage_senders.c.instance == bindparam("of"))
        .values(sequence=bindparam("to"), seen_at=now)
    )
    connection.execute(statement, [{"of": instance, "to": sequence} for instance, sequence in last.items()])
    gone = select(usage_senders.c.instance).where(usage_senders.c.seen_at < now - _FORGET_SENDERS)
    # One that another collector holds is not gone, and waiting for it could be mutual.
    connection.execute(
        delete(usage_senders).where(usage_senders.c.instance.in_(gone.with_for_update(skip_locked=True)))
    )


def _add_rows(connection: Connection, rows: Sequence[UsageRow], now: int) -> None:
    """Times after `now` are those of a sidecar whose clock is ahead, and become `now`."""
    minutes: Sums = Counter()
    last_used: dict[str, int] = {}
    for row in rows:
        start = min(row.minute, floor(now, MINUTE))
        for outcome, checks in row.checks.items():
            minutes[start, row.key_id, row.tenant, row.api, outcome] += checks
        last_used[row.key_id] = max(last_used.get(row.key_id, 0), min(row.last_used_at, now))
    for resolution, sums in _by_resolution(connection, minutes).items():
        add_up(connection, TABLES[resolution], sums)
    _tell_keys(connection, last_used)


def _by_resolution(connection: Connection, minutes: Sums) -> dict[Resolution, Sums]:
    """What goes where: into minutes all, and what comes after the fold also to where the fold has been."""
    held = levels(connection, lock="share")
    hours: Sums = Counter()
    days: Sums = Counter()
    for (start, key_id, tenant, api, outcome), checks in minutes.items():
        if held["hour"].has(start, key_id):
            hour = floor(start, HOUR)
            hours[hour, key_id, tenant, api, outcome] += checks
            if held["day"].has(hour, key_id):
                days[floor(hour, DAY), key_id, tenant, api, outcome] += checks
    return {"minute": minutes, "hour": hours, "day": days}


def _tell_keys(connection: Connection, last_used: Mapping[str, int]) -> None:
    """This takes no revision: checks do not need to know of it.

    A key that is in use all the time is written to once a minute, however many sidecars tell of it: its row stands in
    many indexes.
    """
    earlier = or_(keys.c.last_used_at.is_(None), keys.c.last_used_at < bindparam("minute"))
    statement = update(keys).where(keys.c.id == bindparam("of"), earlier).values(last_used_at=bindparam("at"))
    told = [{"of": key_id, "at": at, "minute": floor(at, MINUTE)} for key_id, at in sorted(last_used.items())]
    connection.execute(statement, told)
