"""History: what has changed, in order of revision, for the publisher and for WatchKeys.

Keys and revocations of tokens share the counter of revisions, and both are told as KeyRecords.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence

from sqlalchemy import Connection, RowMapping, Select, Table, select

from extauth.keys.change import KeyChange
from extauth.keys.record import KeyRecord, Version
from extauth.registry import token_revocation
from extauth.registry.database import Database
from extauth.registry.rows import record_from, revocation_record_from
from extauth.registry.schema import changes, keys, registry, token_revocations
from extauth.registry.terms import select_keys

_RECORDS = {keys: record_from, token_revocations: revocation_record_from}
_ROWS = {keys: select_keys(), token_revocations: select(token_revocations)}


class History:
    """Reads what is committed; every call may raise UnavailableError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def head(self) -> Version:
        """Epoch and last revision, of one moment."""
        with self._database.read() as connection:
            return _head(connection)

    def epoch(self) -> int:
        return self.head().epoch

    def revision(self) -> int:
        """The last one that is committed; 0 before the first change."""
        return self.head().revision

    def mark(self, revision: int) -> str:
        """Tells a change from one that has the same revision in another history; empty when there is none."""
        columns = changes.c.committed_at, changes.c.key_id, changes.c.token_revocation_id
        with self._database.read() as connection:
            row = connection.execute(select(*columns).where(changes.c.revision == revision)).one_or_none()
        return "" if row is None else f"{row.committed_at}-{row.key_id or row.token_revocation_id}"

    def committed_after(self, revision: int) -> int | None:
        """When the first change after `revision` was committed, in Unix milliseconds; None when there is none."""
        statement = select(changes.c.committed_at).where(changes.c.revision > revision).order_by(changes.c.revision)
        with self._database.read() as connection:
            return connection.execute(statement.limit(1)).scalar_one_or_none()

    def changes_after(self, revision: int, limit: int) -> Sequence[KeyChange]:
        """The present state of at most `limit` keys and revocations that changed after `revision`, in order of their
        last revision.

        All states up to the revision of the last entry have then been told.
        """
        found: list[KeyChange] = []
        with self._database.read() as connection:
            # What is committed while the tables are read one after the other is left for the next call.
            head = _head(connection).revision
            for table, record_of in _RECORDS.items():
                statement = (
                    _rows(table)
                    .add_columns(changes.c.committed_at)
                    .join(changes, changes.c.revision == table.c.revision)
                    .where(table.c.revision > revision, table.c.revision <= head)
                    .order_by(table.c.revision)
                    .limit(limit)
                )
                rows = connection.execute(statement).mappings()
                found += [KeyChange(row["revision"], row["committed_at"], record_of(row)) for row in rows]
        return sorted(found, key=lambda change: change.revision)[:limit]

    def records(self, after_key_id: str, limit: int) -> Sequence[KeyRecord]:
        """At most `limit` of all records from the one after `after_key_id` on; "" begins.

        The keys come first, in order of id, and then the revocations.
        """
        with self._database.read() as connection:
            if token_revocation.is_id(after_key_id):
                rows = _page(connection, token_revocations, after_key_id, limit)
                return [revocation_record_from(row) for row in rows]
            found = [record_from(row) for row in _page(connection, keys, after_key_id, limit)]
            rest = _page(connection, token_revocations, "", limit - len(found)) if len(found) < limit else ()
        return [*found, *map(revocation_record_from, rest)]

    def records_of(self, ids: Collection[str]) -> dict[str, KeyRecord]:
        """Those of some keys and revocations, by id."""
        with self._database.read() as connection:
            rows = {table: connection.execute(_rows(table).where(table.c.id.in_(ids))).mappings() for table in _RECORDS}
            return {row["id"]: record_of(row) for table, record_of in _RECORDS.items() for row in rows[table]}

    def known(self, wanted: Collection[tuple[str, bytes]]) -> set[tuple[str, bytes]]:
        """Those of some pairs of pepper id and digest that a key or a revocation has."""
        digests: dict[str, list[bytes]] = defaultdict(list)
        for pepper_id, digest in wanted:
            digests[pepper_id].append(digest)
        found: set[tuple[str, bytes]] = set()
        with self._database.read() as connection:
            for pepper_id, table in ((pepper_id, table) for pepper_id in digests for table in _RECORDS):
                has = table.c.pepper_id == pepper_id, table.c.digest.in_(digests[pepper_id])
                found.update((pepper_id, digest) for digest in connection.scalars(select(table.c.digest).where(*has)))
        return found


def _head(connection: Connection) -> Version:
    return Version(*connection.execute(select(registry.c.epoch, registry.c.revision)).one())


def _page(connection: Connection, table: Table, after: str, limit: int) -> Sequence[RowMapping]:
    statement = _rows(table).where(table.c.id > after).order_by(table.c.id).limit(limit)
    return connection.execute(statement).mappings().all()


def _rows(table: Table) -> Select[*tuple[object, ...]]:
    return _ROWS[table].add_columns(select(registry.c.epoch).scalar_subquery().label("epoch"))
