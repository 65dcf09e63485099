"""One write transaction: every row that changes gets the next revision, a row that says who did what, and an audit row.

The counter is taken by an UPDATE, which keeps its row locked until the commit. So commits are in order of revision,
and nobody can see revision n + 1 before n.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Table, insert, select, update

from extauth.registry import audit, schema

_COLUMNS = {schema.keys: schema.changes.c.key_id, schema.token_revocations: schema.changes.c.token_revocation_id}
"""Where `changes` names the row that changed."""
_KINDS = {schema.keys: "key", schema.token_revocations: "revocation"}
"""What the audit trail calls it."""


class Action(StrEnum):
    """What a change did, as the `changes` table tells it."""

    CREATED = "created"
    UPDATED = "updated"
    ROTATED = "rotated"
    REVOKED = "revoked"
    EXPIRED = "expired"
    DISABLED = "disabled"
    ENABLED = "enabled"
    TOKENS_REVOKED = "tokens_revoked"
    TOKENS_LIFTED = "tokens_lifted"


class Transaction:
    """What is done in one write transaction, by one actor, at one time (Unix milliseconds)."""

    def __init__(self, connection: Connection, actor: str, now: int) -> None:
        self.connection = connection
        self.actor = actor
        self.now = now

    def wait_for_turn(self) -> None:
        """Let other writers commit first, so that what is looked for and not found is not being written meanwhile."""
        self.connection.execute(select(schema.registry.c.revision).with_for_update())

    def insert(self, table: Table, row: Mapping[str, Any], action: Action) -> int:
        """Write a new row of `keys` or `token_revocations`, which has an `id`; return its revision."""
        revision = self._next_revision()
        self.connection.execute(insert(table).values(**row, revision=revision))
        self._tell(table, {}, row, revision, action)
        return revision

    def update(self, table: Table, row: Mapping[str, Any], action: Action) -> int:
        """Write the present state of a row that was read and held in this transaction; return its new revision."""
        before = self.connection.execute(select(table).where(table.c.id == row["id"])).mappings().one()
        revision = self._next_revision()
        self.connection.execute(update(table).where(table.c.id == row["id"]).values(**row, revision=revision))
        self._tell(table, before, {**before, **row}, revision, action)
        return revision

    def _next_revision(self) -> int:
        counter = schema.registry.c.revision
        statement = update(schema.registry).values(revision=counter + 1).returning(counter)
        revision: int = self.connection.execute(statement).scalar_one()
        return revision

    def _tell(
        self, table: Table, before: Mapping[str, Any], after: Mapping[str, Any], revision: int, action: Action
    ) -> None:
        values = {
            "revision": revision,
            _COLUMNS[table].name: after["id"],
            "action": action.value,
            "actor": self.actor,
            "committed_at": self.now,
        }
        self.connection.execute(insert(schema.changes).values(values))
        target = audit.Target(_KINDS[table], after["id"], after.get("tenant"))
        audit.record(self.connection, self.actor, action, target, before, after, self.now)
