"""What fields of forms offer to choose from; other values can be typed all the same."""

from collections.abc import Sequence

from extauth.registry.console.visit import Visit
from extauth.registry.plans import PlanRegistry
from extauth.registry.tenant_listing import TenantFilter
from extauth.registry.tenants import TenantRegistry

_MOST = 200


def plan_names(visit: Visit, plans: PlanRegistry) -> Sequence[str]:
    """The first ones, for who may see plans."""
    if not visit.may("GET", "/v1/plans"):
        return ()
    return [plan.name for plan in plans.find("", _MOST).items]


def tenant_ids(visit: Visit, tenants: TenantRegistry) -> Sequence[str]:
    """The first ones, for who may see all."""
    if visit.identity.tenant is not None:
        return ()
    return [tenant.id for tenant in tenants.find(TenantFilter(), _MOST).items]
