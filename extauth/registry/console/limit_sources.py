"""The limits that hold for a key, and whose they are: its own, its tenant's or its plan's."""

from typing import NamedTuple

from extauth.keys.record import LimitOverride
from extauth.registry.errors import NotFoundError
from extauth.registry.key import Key
from extauth.registry.tenants import TenantRegistry


class LimitInForce(NamedTuple):
    """Of each name the key's own goes before its tenant's, and that before its plan's."""

    limit: LimitOverride
    source: str
    """key, tenant or plan."""


def limits_in_force(key: Key, tenants: TenantRegistry) -> list[LimitInForce]:
    """May raise UnavailableError."""
    own = {limit.name for limit in key.limits}
    of_tenant = _names(key.tenant, tenants) if set(key.terms.limits) - set(key.limits) else frozenset()
    return [
        LimitInForce(limit, "key" if limit.name in own else "tenant" if limit.name in of_tenant else "plan")
        for limit in key.terms.limits
    ]


def _names(tenant: str, tenants: TenantRegistry) -> frozenset[str]:
    try:
        return frozenset(limit.name for limit in tenants.show(tenant).limits)
    except NotFoundError:  # a version before this one made the key
        return frozenset()
