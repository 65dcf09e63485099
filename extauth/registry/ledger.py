"""The ledger: who used what, hour by hour, from the batches that the sidecars send.

A batch and the number up to which its sidecar's batches are in the ledger are written in one transaction. So a batch
that comes again, for whatever reason, is known by its number and left out.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from extauth.registry import times
from extauth.registry.database import Database
from extauth.registry.schema import keys, usage_hours, usage_senders
from extauth.registry.usage_listing import HOUR, UsageFilter, UsagePage, find_usage
from extauth.store.usage_batch import UsageBatch, UsageRow

_FORGET_SENDERS = 30 * 24 * HOUR
_INSERT: Mapping[str, Callable[[Table], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
"""What both databases can do on a conflict, each has in a dialect of its own."""


class Ledger:
    """`add` for the collector, `find` for people. Both may raise UnavailableError. `clock` in Unix milliseconds."""

    def __init__(self, database: Database, clock: Callable[[], int] = times.now) -> None:
        self._database = database
        self._clock = clock

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
        return len(fresh), missing

    def find(self, wanted: UsageFilter, limit: int, cursor: str = "") -> UsagePage:
        """At most `limit` (1 to 500) sums, newest first, from `cursor` on; InvalidError."""
        with self._database.read() as connection:
            return find_usage(connection, wanted, limit, cursor, self._clock())


def _hold_senders(connection: Connection, instances: set[str], now: int) -> dict[str, int]:
    """The last batch of each sidecar, 0 for none; another collector that asks for one of them waits until the end."""
    rows = [{"instance": instance, "sequence": 0, "seen_at": now} for instance in sorted(instances)]
    connection.execute(_INSERT[connection.dialect.name](usage_senders).on_conflict_do_nothing(), rows)
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
    connection.execute(delete(usage_senders).where(usage_senders.c.seen_at < now - _FORGET_SENDERS))


def _add_rows(connection: Connection, rows: Sequence[UsageRow], now: int) -> None:
    """Times after `now` are those of a sidecar whose clock is ahead, and become `now`."""
    sums: Counter[tuple[int, str, str, str, str]] = Counter()
    last_used: dict[str, int] = {}
    for row in rows:
        minute = min(row.minute, now)
        for outcome, checks in row.checks.items():
            sums[minute - minute % HOUR, row.key_id, row.tenant, row.api, outcome.partition(":")[0]] += checks
        last_used[row.key_id] = max(last_used.get(row.key_id, 0), min(row.last_used_at, now))
    names = [column.name for column in usage_hours.columns]
    values = [dict(zip(names, (*name, checks), strict=True)) for name, checks in sorted(sums.items()) if checks]
    if values:
        _add_up(connection, values)
    _tell_keys(connection, last_used)


def _add_up(connection: Connection, values: Sequence[Mapping[str, Any]]) -> None:
    insert = _INSERT[connection.dialect.name](usage_hours)
    statement = insert.on_conflict_do_update(
        index_elements=list(usage_hours.primary_key.columns),
        set_={"checks": usage_hours.c.checks + insert.excluded.checks},
    )
    connection.execute(statement, values)


def _tell_keys(connection: Connection, last_used: Mapping[str, int]) -> None:
    """This takes no revision: checks do not need to know of it."""
    earlier = or_(keys.c.last_used_at.is_(None), keys.c.last_used_at < bindparam("at"))
    statement = update(keys).where(keys.c.id == bindparam("of"), earlier).values(last_used_at=bindparam("at"))
    connection.execute(statement, [{"of": key_id, "at": at} for key_id, at in sorted(last_used.items())])
