"""Keys together with what their tenants and plans give them: the one query by which keys are read."""

from sqlalchemy import RowMapping, Select, func, select

from extauth.registry.key import Terms
from extauth.registry.limits import limits_from, resolved
from extauth.registry.schema import keys, plans, tenants
from extauth.registry.tenant import TenantStatus

# Outer joins: a key that an earlier version makes for a new tenant, while both run, must not vanish from Redis.
_PLAN = func.coalesce(func.nullif(keys.c.plan, ""), tenants.c.plan)
KEYS_WITH_TERMS = keys.outerjoin(tenants, tenants.c.id == keys.c.tenant).outerjoin(plans, plans.c.name == _PLAN)


def select_keys() -> Select[*tuple[object, ...]]:
    """Rows of `keys` that `terms_of` can read."""
    return select(
        keys,
        tenants.c.status.label("tenant_status"),
        tenants.c.plan.label("tenant_plan"),
        tenants.c.limits.label("tenant_limits"),
        plans.c.limits.label("plan_limits"),
    ).select_from(KEYS_WITH_TERMS)


def terms_of(row: RowMapping) -> Terms:
    return Terms(
        suspended=row["tenant_status"] == TenantStatus.SUSPENDED,
        plan=row["plan"] or row["tenant_plan"] or "",
        limits=resolved(limits_from(row["plan_limits"]), limits_from(row["tenant_limits"]), limits_from(row["limits"])),
    )
