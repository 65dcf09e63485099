"""One write transaction: every row that changes gets the next revision, a row that says who did what, and an audit row.

The counter is taken by an UPDATE, which keeps its row locked until the commit. So commits are in order of revision,
and nobody can see revision n + 1 before n.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Table, func, insert, literal, select, update

from extauth.registry import audit, schema
from extauth.registry.database import Database
from extauth.registry.metrics import RegistryMetrics

_COLUMNS = {schema.keys: schema.changes.c.key_id, schema.token_revocations: schema.changes.c.token_revocation_id}
"""Where `changes` names the row that changed."""
_KINDS = {schema.keys: "key", schema.token_revocations: "revocation"}
"""What the audit trail calls it."""


class Action(StrEnum):
    """What a change did, as the `changes` table tells it."""

    CREATED = "created"
    IMPORTED = "imported"
    UPDATED = "updated"
    ROTATED = "rotated"
    REVOKED = "revoked"
    EXPIRED = "expired"
    DISABLED = "disabled"
    ENABLED = "enabled"
    TOKENS_REVOKED = "tokens_revoked"
    TOKENS_LIFTED = "tokens_lifted"
    TENANT_CREATED = "tenant_created"
    TENANT_UPDATED = "tenant_updated"
    TENANT_SUSPENDED = "tenant_suspended"
    TENANT_RESUMED = "tenant_resumed"
    TENANT_DELETED = "tenant_deleted"
    PLAN_CREATED = "plan_created"
    PLAN_UPDATED = "plan_updated"
    PLAN_DELETED = "plan_deleted"
    IMPORT_BEGUN = "import_begun"
    IMPORT_ENDED = "import_ended"
    EPOCH_BEGUN = "epoch_begun"
    RESTORED = "restored"
    ADMIN_CREATED = "admin_token_created"
    ADMIN_ROTATED = "admin_token_rotated"
    ADMIN_REVOKED = "admin_token_revoked"


class Transaction:
    """What is done in one write transaction, by one actor, at one time (Unix milliseconds)."""

    def __init__(self, connection: Connection, actor: str, now: int) -> None:
        self.connection = connection
        self.actor = actor
        self.now = now
        self.done: Counter[Action] = Counter()
        """What has been changed so far."""

    def on_behalf_of(self, actor: str) -> "Transaction":
        """The same transaction, with another actor."""
        other = Transaction(self.connection, actor, self.now)
        other.done = self.done
        return other

    def wait_for_turn(self) -> None:
        """Let other writers commit first, so that what is looked for and not found is not being written meanwhile."""
        self.connection.execute(select(schema.registry.c.revision).with_for_update())

    def insert(self, table: Table, row: Mapping[str, Any], action: Action) -> int:
        """Write a new row of `keys` or `token_revocations`, which has an `id`; return its revision."""
        revision = self._next_revisions(1)
        self.connection.execute(insert(table).values(**row, revision=revision))
        self._tell(table, {}, row, revision, action)
        return revision

    def insert_keys(self, rows: Sequence[Mapping[str, Any]], action: Action) -> None:
        """Write many new rows of `keys` at once. The audit trail is told of all of them together, by the caller."""
        if not rows:
            return
        self.done[action] += len(rows)
        first = self._next_revisions(len(rows)) - len(rows) + 1
        numbered = list(enumerate(rows, first))
        self.connection.execute(insert(schema.keys), [{**row, "revision": revision} for revision, row in numbered])
        told = {"action": action.value, "actor": self.actor, "committed_at": self.now}
        changed = [{"revision": revision, "key_id": row["id"], **told} for revision, row in numbered]
        self.connection.execute(insert(schema.changes), changed)

    def update(self, table: Table, row: Mapping[str, Any], action: Action) -> int:
        """Write the present state of a row that was read and held in this transaction; return its new revision."""
        before = dict(self.connection.execute(select(table).where(table.c.id == row["id"])).mappings().one())
        revision = self._next_revisions(1)
        self.connection.execute(update(table).where(table.c.id == row["id"]).values(**row, revision=revision))
        self._tell(table, before, {**before, **row}, revision, action)
        return revision

    def touch(self, key_ids: Collection[str], action: Action) -> None:
        """Give keys new revisions, in order of id, for a change of what is not in their rows."""
        if not key_ids:
            return
        self.done[action] += len(key_ids)
        first = self._next_revisions(len(key_ids)) - len(key_ids) + 1
        columns = schema.keys.c
        # Locked one after the other in order of id, as the ledger does it, so that neither waits for the other.
        held = select(columns.id).where(columns.id.in_(key_ids)).order_by(columns.id).with_for_update()
        self.connection.execute(held)
        place = func.row_number().over(order_by=columns.id)
        numbered = select(columns.id, (first - 1 + place).label("to")).where(columns.id.in_(key_ids)).subquery()
        self.connection.execute(update(schema.keys).where(columns.id == numbered.c.id).values(revision=numbered.c.to))
        told = {"action": action.value, "actor": self.actor, "committed_at": self.now}
        touched = select(columns.revision, columns.id, *map(literal, told.values())).where(columns.id.in_(key_ids))
        self.connection.execute(insert(schema.changes).from_select(["revision", "key_id", *told], touched))

    def record(self, target: audit.Target, before: Mapping[str, Any], after: Mapping[str, Any], action: Action) -> None:
        """Tell the audit trail of a change of a row, and count it."""
        self.done[action] += 1
        audit.record(self.connection, self.actor, action, target, before, after, self.now)

    def record_new(self, made: Sequence[tuple[audit.Target, Mapping[str, Any]]], action: Action) -> None:
        """Tell the audit trail of many new rows, and count them."""
        if made:
            self.done[action] += len(made)
            audit.record_new(self.connection, self.actor, action, made, self.now)

    def _next_revisions(self, number: int) -> int:
        """Take so many revisions; return the last one."""
        counter = schema.registry.c.revision
        statement = update(schema.registry).values(revision=counter + number).returning(counter)
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
        self.record(target, before, after, action)


@contextmanager
def begin(database: Database, actor: str, clock: Callable[[], int], metrics: RegistryMetrics) -> Iterator[Transaction]:
    """A write transaction that has its turn from the start: nothing that it reads is being changed meanwhile.

    The counter is locked before anything else, by all, so that no two of them wait for each other. What was changed
    is counted after the commit.
    """
    with database.write() as connection:
        transaction = Transaction(connection, actor, clock())
        transaction.wait_for_turn()
        yield transaction
    for action, number in transaction.done.items():
        metrics.changes.labels(action).inc(number)
