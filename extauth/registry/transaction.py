"""One write transaction: every key that changes gets the next revision and a row that says who did what.

The counter is taken by an UPDATE, which keeps its row locked until the commit. So commits are in order of revision,
and nobody can see revision n + 1 before n.
"""

import dataclasses
from enum import StrEnum

from sqlalchemy import Connection, insert, update

from extauth.registry import schema
from extauth.registry.key import Key
from extauth.registry.listing import find_key
from extauth.registry.rows import columns_of


class Action(StrEnum):
    """What a change did, as the `changes` table tells it."""

    CREATED = "created"
    UPDATED = "updated"
    ROTATED = "rotated"
    REVOKED = "revoked"
    EXPIRED = "expired"
    DISABLED = "disabled"
    ENABLED = "enabled"


class Transaction:
    """What is done in one write transaction, by one actor, at one time (Unix milliseconds)."""

    def __init__(self, connection: Connection, actor: str, now: int) -> None:
        self._connection = connection
        self._actor = actor
        self.now = now

    def key(self, key_id: str) -> Key:
        """Read a key and hold it until the commit; NotFoundError."""
        return find_key(self._connection, key_id, hold=True)

    def add(self, key: Key, digest: bytes) -> Key:
        """Write a new key; return it with its revision."""
        added = dataclasses.replace(key, revision=self._next_revision())
        self._connection.execute(insert(schema.keys).values(digest=digest, **columns_of(added)))
        self._tell(added, Action.CREATED)
        return added

    def save(self, key: Key, action: Action) -> Key:
        """Write the present state of a key that `key` returned; return it with its new revision."""
        saved = dataclasses.replace(key, revision=self._next_revision())
        self._connection.execute(update(schema.keys).where(schema.keys.c.id == saved.id).values(**columns_of(saved)))
        self._tell(saved, action)
        return saved

    def _next_revision(self) -> int:
        counter = schema.registry.c.revision
        statement = update(schema.registry).values(revision=counter + 1).returning(counter)
        revision: int = self._connection.execute(statement).scalar_one()
        return revision

    def _tell(self, key: Key, action: Action) -> None:
        values = {
            "revision": key.revision,
            "key_id": key.id,
            "action": action.value,
            "actor": self._actor,
            "committed_at": self.now,
        }
        self._connection.execute(insert(schema.changes).values(values))
