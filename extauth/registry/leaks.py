"""Keys that others found in the open: each is revoked, and it is kept where it was found.

A report may come again and again, whole or in part, and changes nothing then: that is all the protection that GitHub's
alerts, which carry no time, have against being replayed, and need.
"""

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import RowMapping, select, tuple_

from extauth.keys.digest import Pepper
from extauth.keys.imported import digest_of_any
from extauth.keys.record import Status
from extauth.keys.token import BASE62, KEY_ID_LENGTH
from extauth.registry import lifecycle, times
from extauth.registry.database import Database
from extauth.registry.errors import UnavailableError
from extauth.registry.fields import check_search
from extauth.registry.listing import find_key
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.paging import cursor_of, position_of
from extauth.registry.rows import columns_of
from extauth.registry.schema import keys, leak_reports
from extauth.registry.transaction import Action, begin
from extauth.registry.usage_tables import INSERT
from extauth.telemetry.logs import logger

_log = logger(__name__)
PATIENCE = 20.0
"""Seconds for a report: its sender waits 30."""
_LOOKED_UP = 200  # tokens in one statement


@dataclass(frozen=True, slots=True)
class Found:
    """A token, and where it was found. `repr` hides the token."""

    token: str = field(repr=False)
    type: str
    """As the reporter calls what it looks for."""
    source: str
    """The kind of place: content, commit, issue_comment, ..."""
    url: str
    """May be empty."""


@dataclass(frozen=True, slots=True)
class Leak:
    """What is kept of a key that was found. `reported_at` in Unix milliseconds; `key_state` is what it was then."""

    id: str
    key_id: str
    tenant: str
    reporter: str
    type: str
    source: str
    url: str
    key_state: str
    reported_at: int


@dataclass(frozen=True, slots=True)
class LeakPage:
    """Some leaks, and the cursor of the page after them, empty on the last one."""

    leaks: Sequence[Leak]
    next_cursor: str


class LeakReports:
    """Each call may raise UnavailableError. `clock` in Unix milliseconds."""

    def __init__(
        self,
        database: Database,
        peppers: Sequence[Pepper],
        metrics: RegistryMetrics,
        clock: Callable[[], int] = times.now,
    ) -> None:
        self._database = database
        self._peppers = peppers
        self._metrics = metrics
        self._clock = clock

    def report(self, reporter: str, found: Sequence[Found]) -> list[bool]:
        """Revoke those that are keys of ours; tell for each whether it is one.

        UnavailableError when that takes too long; what has been done by then needs not be done again.
        """
        deadline = time.monotonic() + PATIENCE
        key_ids = [key_id for part in _parts(found) for key_id in self._key_ids(part)]
        for one, key_id in zip(found, key_ids, strict=True):
            if time.monotonic() > deadline:
                raise UnavailableError("so many keys take longer: send the report again")
            outcome = "unknown" if key_id is None else self._take(reporter, one, key_id)
            self._metrics.leaks.labels(outcome).inc()
        return [key_id is not None for key_id in key_ids]

    def find(self, limit: int, *, tenant: str = "", key_id: str = "", cursor: str = "") -> LeakPage:
        """At most `limit` (1 to 500) leaks, newest first, from `cursor` on; InvalidError."""
        check_search(limit, tenant=tenant)
        columns = leak_reports.c
        statement = select(leak_reports, keys.c.tenant).join(keys, keys.c.id == columns.key_id)
        statement = statement.order_by(columns.reported_at.desc(), columns.id.desc())
        if tenant:
            statement = statement.where(keys.c.tenant == tenant)
        if key_id:
            statement = statement.where(columns.key_id == key_id)
        if cursor:
            statement = statement.where(tuple_(columns.reported_at, columns.id) < tuple_(*position_of(cursor)))
        with self._database.read() as connection:
            rows = connection.execute(statement.limit(limit + 1)).mappings().all()  # one more tells that a page follows
        leaks = [_leak(row) for row in rows[:limit]]
        return LeakPage(leaks, cursor_of(leaks[-1].reported_at, leaks[-1].id) if len(rows) > limit else "")

    def _key_ids(self, found: Sequence[Found]) -> list[str | None]:
        """The key that each token is, under whichever pepper."""
        peppers = self._peppers
        digests = [  # no header can carry a key outside ASCII
            [(pepper.id, digest_of_any(pepper, one.token)) for pepper in peppers] if one.token.isascii() else []
            for one in found
        ]
        wanted = [digest for each in digests for digest in each]
        statement = select(keys.c.id, keys.c.pepper_id, keys.c.digest)
        statement = statement.where(tuple_(keys.c.pepper_id, keys.c.digest).in_(wanted))
        with self._database.read() as connection:
            known = {(row.pepper_id, bytes(row.digest)): row.id for row in connection.execute(statement)}
        return [next((known[digest] for digest in each if digest in known), None) for each in digests]

    def _take(self, reporter: str, found: Found, key_id: str) -> str:
        """Revoke a key, and keep where it was found; `revoked` or `known`."""
        named = f"{reporter}\0{found.type}\0{found.source}\0{found.url}"  # a null is in none of them
        place = hashlib.sha256(named.encode()).digest()
        if self._is_done(key_id, place):
            return "known"
        actor = f"leak-report:{reporter}"
        with begin(self._database, actor, self._clock, self._metrics) as transaction:
            key = find_key(transaction.connection, key_id, hold=True)
            reason = f"leaked: {reporter} found it in {found.source or 'an unknown place'}"
            revoked = lifecycle.revoke(key, transaction.now, reason)
            if revoked != key:
                transaction.update(keys, columns_of(revoked), Action.REVOKED)
            row = {
                "id": "".join(secrets.choice(BASE62) for _ in range(KEY_ID_LENGTH)),
                "key_id": key_id,
                "place": place,
                "reporter": reporter,
                "type": found.type,
                "source": found.source,
                "url": found.url,
                "key_state": key.state(transaction.now).value,
                "reported_at": transaction.now,
            }
            insert = INSERT[transaction.connection.dialect.name](leak_reports).values(row)
            transaction.connection.execute(insert.on_conflict_do_nothing())
        _log.warning("a key was found in the open", key=key_id, reporter=reporter, source=found.source)
        return "known" if revoked == key else "revoked"

    def _is_done(self, key_id: str, place: bytes) -> bool:
        """Nothing is left to do for a key that is revoked, and known to be in this place."""
        kept = select(leak_reports.c.id).join(keys, keys.c.id == leak_reports.c.key_id)
        kept = kept.where(leak_reports.c.key_id == key_id, leak_reports.c.place == place)
        with self._database.read() as connection:
            row = connection.execute(kept.where(keys.c.status == Status.REVOKED.name.lower())).first()
        return row is not None


def _parts(found: Sequence[Found]) -> Iterator[Sequence[Found]]:
    for start in range(0, len(found), _LOOKED_UP):
        yield found[start : start + _LOOKED_UP]


def _leak(row: RowMapping) -> Leak:
    values: dict[str, Any] = {name: row[name] for name in Leak.__slots__}
    return Leak(**values)
