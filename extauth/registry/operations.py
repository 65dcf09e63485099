"""KeyRegistry: every change of a key, each one transaction, and the reading of keys by people."""

import dataclasses
from collections.abc import Callable, Sequence

from extauth.keys import token
from extauth.keys.digest import Pepper
from extauth.registry import fields, lifecycle, schema, times
from extauth.registry.database import Database
from extauth.registry.key import IssuedKey, Key, KeyUpdate, NewKey
from extauth.registry.listing import Filter, Page, find, find_key
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.rows import columns_of
from extauth.registry.transaction import Action, Transaction


class KeyRegistry:
    """The operations. Each may raise UnavailableError, and those on one key NotFoundError.

    `actor` is who asks, for the `changes` table. Times are Unix milliseconds, `clock` returns the present one.
    """

    def __init__(
        self,
        database: Database,
        prefix: str,
        peppers: Sequence[Pepper],
        metrics: RegistryMetrics,
        clock: Callable[[], int] = times.now,
    ) -> None:
        self._database = database
        self._prefix = prefix
        self._pepper = peppers[0]
        self._metrics = metrics
        self.clock = clock

    def create(self, new: NewKey, actor: str) -> IssuedKey:
        """Make a key; InvalidError. The secret is in the result and nowhere else."""
        now = self.clock()
        fields.check_new(new, now)
        with self._database.write() as connection:
            issued = self._issue(Transaction(connection, actor, now), new)
        self._metrics.changes.labels(Action.CREATED).inc()
        return issued

    def show(self, key_id: str) -> Key:
        with self._database.read() as connection:
            return find_key(connection, key_id)

    def find(self, wanted: Filter, limit: int, cursor: str = "") -> Page:
        """At most `limit` (1 to 500) keys, newest first, from `cursor` on; InvalidError."""
        with self._database.read() as connection:
            return find(connection, wanted, limit, cursor, self.clock())

    def rotate(self, key_id: str, grace: float, created_by: str, actor: str) -> IssuedKey:
        """Make a successor with the same rights; the old key lives `grace` seconds longer at most, with 0 not at all.

        InvalidError, ConflictError. The successor comes first in the history, so that nobody sees neither of the two.
        """
        fields.check_rotation(grace, created_by)
        with self._database.write() as connection:
            transaction = Transaction(connection, actor, self.clock())
            old = find_key(connection, key_id, hold=True)
            lifecycle.check_rotatable(old, transaction.now)
            new = NewKey(
                name=old.name,
                tenant=old.tenant,
                created_by=created_by,
                scopes=old.scopes,
                plan=old.plan,
                metadata=old.metadata,
                not_before=old.not_before,
                expires_at=old.expires_at,
            )
            issued = self._issue(transaction, new, old)
            retired = lifecycle.retire(old, transaction.now, round(grace * 1000), issued.key.id)
            transaction.update(schema.keys, columns_of(retired), Action.ROTATED)
        self._metrics.changes.labels(Action.CREATED).inc()
        self._metrics.changes.labels(Action.ROTATED).inc()
        return issued

    def revoke(self, key_id: str, reason: str, actor: str) -> Key:
        """End a key at once and for good; a key that is revoked stays as it is. InvalidError."""
        fields.check_reason(reason)
        return self._change(key_id, Action.REVOKED, actor, lambda key, now: lifecycle.revoke(key, now, reason))

    def expire(self, key_id: str, at: int | None, actor: str) -> Key:
        """End a key `at` that time or, with None, now; InvalidError, ConflictError."""
        return self._change(key_id, Action.EXPIRED, actor, lambda key, now: lifecycle.expire(key, now, at))

    def disable(self, key_id: str, actor: str) -> Key:
        """Switch a key off until it is enabled again; ConflictError."""
        return self._change(key_id, Action.DISABLED, actor, lambda key, _now: lifecycle.disable(key))

    def enable(self, key_id: str, actor: str) -> Key:
        """Switch a disabled key on; ConflictError."""
        return self._change(key_id, Action.ENABLED, actor, lambda key, _now: lifecycle.enable(key))

    def update(self, key_id: str, changes: KeyUpdate, actor: str) -> Key:
        """Change what a key is called and what it may do; InvalidError, ConflictError."""
        fields.check_update(changes)
        return self._change(key_id, Action.UPDATED, actor, lambda key, _now: lifecycle.update(key, changes))

    def _change(self, key_id: str, action: Action, actor: str, edit: Callable[[Key, int], Key]) -> Key:
        with self._database.write() as connection:
            transaction = Transaction(connection, actor, self.clock())
            key = find_key(connection, key_id, hold=True)
            changed = edit(key, transaction.now)
            if changed == key:
                return key
            revision = transaction.update(schema.keys, columns_of(changed), action)
        self._metrics.changes.labels(action).inc()
        return dataclasses.replace(changed, revision=revision)

    def _issue(self, transaction: Transaction, new: NewKey, old: Key | None = None) -> IssuedKey:
        made = token.generate(self._prefix)
        secret = str(made)
        key = Key(
            id=made.key_id,
            prefix=made.prefix,
            pepper_id=self._pepper.id,
            name=new.name,
            tenant=new.tenant,
            scopes=new.scopes,
            plan=new.plan,
            metadata=new.metadata,
            created_by=new.created_by,
            created_at=transaction.now,
            not_before=new.not_before,
            expires_at=new.expires_at,
        )
        if old is not None:
            key = dataclasses.replace(key, status=old.status, rotated_from=old.id)
        row = {**columns_of(key), "digest": self._pepper.digest(secret)}
        revision = transaction.insert(schema.keys, row, Action.CREATED)
        return IssuedKey(dataclasses.replace(key, revision=revision), secret)
