"""PlanRegistry: every change of a plan, each one transaction, and the reading of plans by people."""

import dataclasses
from collections.abc import Callable, Collection

from sqlalchemy import delete, insert, select, update

from extauth.registry import fields, propagation, times
from extauth.registry.audit import Target
from extauth.registry.database import Database
from extauth.registry.errors import ConflictError
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.plan import KIND, NewPlan, Plan, PlanUpdate
from extauth.registry.plan_listing import PlanPage, columns_of_plan, find_plans, read_plan, show_plan
from extauth.registry.revisions import check_revision
from extauth.registry.schema import keys, plans, tenants
from extauth.registry.transaction import Action, Transaction, begin


class PlanRegistry:
    """The operations. Each may raise UnavailableError, and those on one plan NotFoundError.

    `actor` is who asks. Times are Unix milliseconds, `clock` returns the present one. With `expected` a change is made
    only while the plan has one of these revisions, else StaleError.
    """

    def __init__(self, database: Database, metrics: RegistryMetrics, clock: Callable[[], int] = times.now) -> None:
        self._database = database
        self._metrics = metrics
        self._clock = clock

    def create(self, new: NewPlan, actor: str) -> Plan:
        """Make a plan; InvalidError, ConflictError."""
        fields.check_new_plan(new)
        with begin(self._database, actor, self._clock, self._metrics) as transaction:
            if read_plan(transaction.connection, new.name) is not None:
                raise ConflictError("exists", "update it, or use another name", KIND, "name")
            return add_plan(transaction, new)

    def show(self, name: str) -> Plan:
        with self._database.read() as connection:
            return show_plan(connection, name)

    def find(self, text: str, limit: int, cursor: str = "") -> PlanPage:
        """At most `limit` (1 to 500) plans in order of name, from `cursor` on; InvalidError."""
        with self._database.read() as connection:
            return find_plans(connection, text, limit, cursor)

    def update(self, name: str, changes: PlanUpdate, actor: str, expected: Collection[int] | None = None) -> Plan:
        """Change a plan, and publish all keys on it again where that concerns them; InvalidError."""
        fields.check_plan_update(changes)
        with begin(self._database, actor, self._clock, self._metrics) as transaction:
            plan = show_plan(transaction.connection, name)
            check_revision(KIND, plan.revision, expected)
            given = {field.name: getattr(changes, field.name) for field in dataclasses.fields(changes)}
            changed = dataclasses.replace(plan, **{key: value for key, value in given.items() if value is not None})
            if changed == plan:
                return plan
            _save(transaction, plan, changed)
            if changed.limits != plan.limits:
                _tell_keys(transaction, name)
            return show_plan(transaction.connection, name)

    def delete(self, name: str, actor: str, expected: Collection[int] | None = None) -> None:
        """Remove a plan; ConflictError when a tenant, or a key that is not revoked, is on it."""
        with begin(self._database, actor, self._clock, self._metrics) as transaction:
            plan = show_plan(transaction.connection, name)
            check_revision(KIND, plan.revision, expected)
            _check_unused(transaction, name)
            transaction.connection.execute(delete(plans).where(plans.c.name == name))
            transaction.record(Target(KIND, name), columns_of_plan(plan), {}, Action.PLAN_DELETED)


def add_plan(transaction: Transaction, new: NewPlan) -> Plan:
    """Write the row of a plan that is known not to be there."""
    plan = Plan(
        name=new.name,
        description=new.description,
        limits=new.limits,
        scopes=new.scopes,
        created_at=transaction.now,
        updated_at=transaction.now,
    )
    row = columns_of_plan(plan)
    transaction.connection.execute(insert(plans).values(row))
    transaction.record(Target(KIND, plan.name), {}, row, Action.PLAN_CREATED)
    return plan


def _save(transaction: Transaction, plan: Plan, changed: Plan) -> None:
    changed = dataclasses.replace(changed, revision=plan.revision + 1, updated_at=transaction.now)
    row = columns_of_plan(changed)
    transaction.connection.execute(update(plans).where(plans.c.name == plan.name).values(row))
    transaction.record(Target(KIND, plan.name), columns_of_plan(plan), row, Action.PLAN_UPDATED)


def _tell_keys(transaction: Transaction, name: str) -> None:
    """Of the keys that name the plan, and of those of the tenants on it, some at once."""
    propagation.start_for_tenants_of(transaction, name, Action.PLAN_UPDATED)
    propagation.start(transaction, "plan", name, Action.PLAN_UPDATED)
    propagation.advance(transaction)


def _check_unused(transaction: Transaction, name: str) -> None:
    users = {
        "tenants": select(tenants.c.id).where(tenants.c.plan == name),
        "keys": select(keys.c.id).where(keys.c.plan == name, keys.c.status != "revoked"),
    }
    for what, statement in users.items():
        if transaction.connection.execute(statement.limit(1)).first() is not None:
            remedy = f"list the {what} on this plan, and give them another one first"
            raise ConflictError(f"is that of some {what}", remedy, KIND, "name")
