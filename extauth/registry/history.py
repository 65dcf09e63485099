"""History: what has changed, in order of revision, for the publisher and for WatchKeys."""

from collections.abc import Sequence

from sqlalchemy import Select, select

from extauth.keys.change import KeyChange
from extauth.keys.record import KeyRecord, Version
from extauth.registry.database import Database
from extauth.registry.rows import record_from
from extauth.registry.schema import changes, keys, registry


class History:
    """Reads what is committed; every call may raise UnavailableError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def head(self) -> Version:
        """Epoch and last revision, of one moment."""
        with self._database.read() as connection:
            return Version(*connection.execute(select(registry.c.epoch, registry.c.revision)).one())

    def epoch(self) -> int:
        return self.head().epoch

    def revision(self) -> int:
        """The last one that is committed; 0 before the first change."""
        return self.head().revision

    def changes_after(self, revision: int, limit: int) -> Sequence[KeyChange]:
        """The present state of at most `limit` keys that changed after `revision`, in order of their last revision.

        All states up to the revision of the last entry have then been told.
        """
        statement = (
            _records()
            .add_columns(changes.c.committed_at)
            .join(changes, changes.c.revision == keys.c.revision)
            .where(keys.c.revision > revision)
            .order_by(keys.c.revision)
            .limit(limit)
        )
        with self._database.read() as connection:
            rows = connection.execute(statement).mappings().all()
        return [KeyChange(row["revision"], row["committed_at"], record_from(row)) for row in rows]

    def records(self, after_key_id: str, limit: int) -> Sequence[KeyRecord]:
        """At most `limit` of all keys, in order of id, from the one after `after_key_id` on; "" begins."""
        statement = _records().where(keys.c.id > after_key_id).order_by(keys.c.id).limit(limit)
        with self._database.read() as connection:
            rows = connection.execute(statement).mappings().all()
        return [record_from(row) for row in rows]


def _records() -> Select[*tuple[object, ...]]:
    return select(keys, registry.c.epoch).select_from(keys.join(registry, registry.c.id == 1))
