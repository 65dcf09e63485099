"""Whose a key is and which plan it is on. Tenants and plans come into being with the first key that names them."""

from extauth.registry.errors import FieldProblem, InvalidError, NotFoundError
from extauth.registry.plan import NewPlan, Plan
from extauth.registry.plan_listing import read_plan
from extauth.registry.plans import add_plan
from extauth.registry.tenant import NewTenant, Tenant
from extauth.registry.tenant_listing import read_tenant
from extauth.registry.tenants import add_tenant
from extauth.registry.transaction import Transaction


def tenant_for(transaction: Transaction, tenant_id: str, *, existing: bool) -> Tenant:
    """The tenant, made now when it is not there; with `existing` InvalidError then."""
    try:
        return read_tenant(transaction.connection, tenant_id)
    except NotFoundError:
        if existing:
            raise _absent("tenant") from None
    return add_tenant(transaction, NewTenant(tenant_id))


def plan_for(transaction: Transaction, name: str, *, existing: bool) -> Plan | None:
    """The plan, made now when it is not there; with `existing` InvalidError then. None for an empty name."""
    if not name:
        return None
    found = read_plan(transaction.connection, name)
    if found is None and existing:
        raise _absent("plan")
    return found or add_plan(transaction, NewPlan(name))


def _absent(kind: str) -> InvalidError:
    return InvalidError([FieldProblem(kind, "is not there", f"make the {kind} first, or name another")])
