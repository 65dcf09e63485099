"""KeyRegistry: every change of a key, each one transaction, and the reading of keys by people."""

import dataclasses
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager

from extauth.keys import token
from extauth.keys.digest import Pepper
from extauth.registry import fields, lifecycle, schema, times
from extauth.registry.belonging import plan_for, tenant_for
from extauth.registry.database import Database
from extauth.registry.errors import ConflictError
from extauth.registry.filtering import Filter
from extauth.registry.key import IssuedKey, Key, KeyUpdate, NewKey
from extauth.registry.listing import NEWEST_FIRST, Page, find, find_key
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.revisions import check_revision
from extauth.registry.rows import columns_of
from extauth.registry.sorting import Order
from extauth.registry.tenant import KIND as TENANT
from extauth.registry.tenant import TenantStatus
from extauth.registry.transaction import Action, Transaction, begin


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

    def create(self, new: NewKey, actor: str, *, existing: bool = False) -> IssuedKey:
        """Make a key, and its tenant and plan with it unless they are there; InvalidError, ConflictError.

        The secret is in the result and nowhere else. With `existing` the tenant and plan must be there already.
        """
        fields.check_new(new, self.clock())
        with self._begin(actor) as transaction:
            tenant = tenant_for(transaction, new.tenant, existing=existing)
            if tenant.status is TenantStatus.SUSPENDED:
                raise ConflictError("is suspended", "resume it first", TENANT)
            plan = plan_for(transaction, new.plan or tenant.plan, existing=existing)
            scopes = new.scopes if new.scopes is not None else plan.scopes if plan else ()
            return self._issue(transaction, dataclasses.replace(new, scopes=scopes))

    def show(self, key_id: str) -> Key:
        with self._database.read() as connection:
            return find_key(connection, key_id)

    def find(self, wanted: Filter, limit: int, cursor: str = "", order: Order = NEWEST_FIRST) -> Page:
        """At most `limit` (1 to 500) keys from `cursor` on; InvalidError."""
        with self._database.read() as connection:
            return find(connection, wanted, limit=limit, cursor=cursor, order=order, now=self.clock())

    def rotate(self, key_id: str, grace: float, created_by: str, actor: str) -> IssuedKey:
        """Make a successor with the same rights; the old key lives `grace` seconds longer at most, with 0 not at all.

        InvalidError, ConflictError. The successor comes first in the history, so that nobody sees neither of the two.
        """
        fields.check_rotation(grace, created_by)
        with self._begin(actor) as transaction:
            old = find_key(transaction.connection, key_id, hold=True)
            lifecycle.check_rotatable(old, transaction.now)
            new = NewKey(
                name=old.name,
                tenant=old.tenant,
                created_by=created_by,
                scopes=old.scopes,
                plan=old.plan,
                limits=old.limits,
                metadata=old.metadata,
                not_before=old.not_before,
                expires_at=old.expires_at,
            )
            issued = self._issue(transaction, new, old)
            retired = lifecycle.retire(old, transaction.now, round(grace * 1000), issued.key.id)
            transaction.update(schema.keys, columns_of(retired), Action.ROTATED)
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

    def update(self, key_id: str, changes: KeyUpdate, actor: str, expected: Collection[int] | None = None) -> Key:
        """Change what a key is called, what it may do and when; InvalidError, ConflictError.

        With `expected` only while the key has one of these revisions, else StaleError.
        """
        fields.check_update(changes)

        def edit(key: Key, now: int) -> Key:
            check_revision("key", key.revision, expected)
            return lifecycle.update(key, now, changes)

        return self._change(key_id, Action.UPDATED, actor, edit)

    def _change(self, key_id: str, action: Action, actor: str, edit: Callable[[Key, int], Key]) -> Key:
        with self._begin(actor) as transaction:
            key = find_key(transaction.connection, key_id, hold=True)
            changed = edit(key, transaction.now)
            if changed == key:
                return key
            if changed.plan != key.plan:
                plan_for(transaction, changed.plan, existing=False)
            transaction.update(schema.keys, columns_of(changed), action)
            return find_key(transaction.connection, key_id)

    def _begin(self, actor: str) -> AbstractContextManager[Transaction]:
        return begin(self._database, actor, self.clock, self._metrics)

    def _issue(self, transaction: Transaction, new: NewKey, old: Key | None = None) -> IssuedKey:
        """`new` with its scopes."""
        made = token.generate(self._prefix)
        secret = str(made)
        key = Key(
            id=made.key_id,
            prefix=made.prefix,
            pepper_id=self._pepper.id,
            name=new.name,
            tenant=new.tenant,
            scopes=new.scopes or (),
            plan=new.plan,
            limits=new.limits,
            metadata=new.metadata,
            created_by=new.created_by,
            created_at=transaction.now,
            not_before=new.not_before,
            expires_at=new.expires_at,
        )
        if old is not None:
            key = dataclasses.replace(key, status=old.status, rotated_from=old.id)
        row = {**columns_of(key), "digest": self._pepper.digest(secret)}
        transaction.insert(schema.keys, row, Action.CREATED)
        return IssuedKey(find_key(transaction.connection, key.id), secret)
