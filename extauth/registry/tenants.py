"""TenantRegistry: every change of a tenant, each one transaction, and the reading of tenants by people."""

import dataclasses
from collections.abc import Callable, Collection, Sequence

from sqlalchemy import delete, insert, select, update

from extauth.registry import fields, propagation, times
from extauth.registry.audit import Target
from extauth.registry.database import Database
from extauth.registry.errors import ConflictError, FieldProblem, InvalidError
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.plan_listing import read_plan
from extauth.registry.revisions import check_revision
from extauth.registry.schema import keys, tenants
from extauth.registry.tenant import KIND, NewTenant, Tenant, TenantStatus, TenantUpdate
from extauth.registry.tenant_listing import TenantFilter, TenantPage, columns_of_tenant, find_tenants, read_tenant
from extauth.registry.transaction import Action, Transaction, begin


class TenantRegistry:
    """The operations. Each may raise UnavailableError, and those on one tenant NotFoundError.

    `actor` is who asks. Times are Unix milliseconds, `clock` returns the present one. With `expected` a change is made
    only while the tenant has one of these revisions, else StaleError.
    """

    def __init__(self, database: Database, metrics: RegistryMetrics, clock: Callable[[], int] = times.now) -> None:
        self._database = database
        self._metrics = metrics
        self._clock = clock

    def create(self, new: NewTenant, actor: str) -> Tenant:
        """Make a tenant that has no keys yet; InvalidError, ConflictError."""
        fields.check_new_tenant(new)
        with begin(self._database, actor, self._clock, self._metrics) as transaction:
            if _exists(transaction, new.id):
                raise ConflictError("exists", "update it, or use another id", KIND, "id")
            _check_plan(transaction, new.plan)
            return add_tenant(transaction, new)

    def show(self, tenant_id: str) -> Tenant:
        with self._database.read() as connection:
            return read_tenant(connection, tenant_id)

    def find(self, wanted: TenantFilter, limit: int, cursor: str = "") -> TenantPage:
        """At most `limit` (1 to 500) tenants in order of id, from `cursor` on; InvalidError."""
        with self._database.read() as connection:
            return find_tenants(connection, wanted, limit, cursor)

    def update(
        self, tenant_id: str, changes: TenantUpdate, actor: str, expected: Collection[int] | None = None
    ) -> Tenant:
        """Change a tenant, and publish its keys again where that concerns them; InvalidError."""
        fields.check_tenant_update(changes)

        def edit(tenant: Tenant, transaction: Transaction) -> Tenant:
            if changes.plan is not None and changes.plan != tenant.plan:
                _check_plan(transaction, changes.plan)
            given = {field.name: getattr(changes, field.name) for field in dataclasses.fields(changes)}
            return dataclasses.replace(tenant, **{name: value for name, value in given.items() if value is not None})

        return self._change(tenant_id, Action.TENANT_UPDATED, actor, edit, expected)

    def suspend(self, tenant_id: str, reason: str, actor: str) -> Tenant:
        """Refuse all keys of a tenant until it is resumed; their own status stays as it is. InvalidError."""
        fields.check_reason(reason)

        def edit(tenant: Tenant, _transaction: Transaction) -> Tenant:
            if tenant.status is TenantStatus.SUSPENDED:
                return tenant
            return dataclasses.replace(tenant, status=TenantStatus.SUSPENDED, suspended_reason=reason)

        return self._change(tenant_id, Action.TENANT_SUSPENDED, actor, edit)

    def resume(self, tenant_id: str, actor: str) -> Tenant:
        """Honour the keys of a suspended tenant again."""

        def edit(tenant: Tenant, _transaction: Transaction) -> Tenant:
            return dataclasses.replace(tenant, status=TenantStatus.ACTIVE, suspended_reason="")

        return self._change(tenant_id, Action.TENANT_RESUMED, actor, edit)

    def delete(self, tenant_id: str, actor: str, expected: Collection[int] | None = None) -> None:
        """Remove a tenant that has never had a key; ConflictError for any other."""
        with begin(self._database, actor, self._clock, self._metrics) as transaction:
            tenant = read_tenant(transaction.connection, tenant_id)
            check_revision(KIND, tenant.revision, expected)
            has_keys = select(keys.c.id).where(keys.c.tenant == tenant_id).limit(1)
            if transaction.connection.execute(has_keys).first() is not None:
                raise ConflictError("has keys, and those that are revoked stay", "suspend it instead", KIND, "id")
            transaction.connection.execute(delete(tenants).where(tenants.c.id == tenant_id))
            transaction.record(_target(tenant_id), columns_of_tenant(tenant), {}, Action.TENANT_DELETED)

    def _change(
        self,
        tenant_id: str,
        action: Action,
        actor: str,
        edit: Callable[[Tenant, Transaction], Tenant],
        expected: Collection[int] | None = None,
    ) -> Tenant:
        with begin(self._database, actor, self._clock, self._metrics) as transaction:
            tenant = read_tenant(transaction.connection, tenant_id)
            check_revision(KIND, tenant.revision, expected)
            changed = edit(tenant, transaction)
            if changed == tenant:
                return tenant
            _save(transaction, tenant, changed, action)
            if _terms(changed) != _terms(tenant):
                propagation.start(transaction, "tenant", tenant_id, action)
            return read_tenant(transaction.connection, tenant_id)


def add_tenant(transaction: Transaction, new: NewTenant) -> Tenant:
    """Write the row of a tenant that is known not to be there."""
    return add_tenants(transaction, [new])[0]


def add_tenants(transaction: Transaction, new: Sequence[NewTenant]) -> list[Tenant]:
    """Write the rows of tenants that are known not to be there, all at once."""
    made = [_made(one, transaction.now) for one in new]
    rows = [columns_of_tenant(tenant) for tenant in made]
    if rows:
        transaction.connection.execute(insert(tenants), rows)
    transaction.record_new([(_target(row["id"]), row) for row in rows], Action.TENANT_CREATED)
    return made


def _made(new: NewTenant, now: int) -> Tenant:
    return Tenant(
        id=new.id,
        name=new.name or new.id,
        plan=new.plan,
        limits=new.limits,
        metadata=new.metadata,
        created_at=now,
        updated_at=now,
    )


def _save(transaction: Transaction, tenant: Tenant, changed: Tenant, action: Action) -> None:
    changed = dataclasses.replace(changed, revision=tenant.revision + 1, updated_at=transaction.now)
    row = columns_of_tenant(changed)
    transaction.connection.execute(update(tenants).where(tenants.c.id == tenant.id).values(row))
    transaction.record(_target(tenant.id), columns_of_tenant(tenant), row, action)


def _terms(tenant: Tenant) -> tuple[object, ...]:
    """What the records of its keys depend on."""
    return tenant.plan, tenant.limits, tenant.status


def _exists(transaction: Transaction, tenant_id: str) -> bool:
    statement = select(tenants.c.id).where(tenants.c.id == tenant_id)
    return transaction.connection.execute(statement).first() is not None


def _check_plan(transaction: Transaction, plan: str) -> None:
    if plan and read_plan(transaction.connection, plan) is None:
        raise InvalidError([FieldProblem("plan", "is not there", "make the plan first, or use another")])


def _target(tenant_id: str) -> Target:
    return Target(KIND, tenant_id, tenant_id)
