"""Who asks: a name for the audit trail, a role, and the tenant whose things it may see.

What proved it is left behind here: an admin token today, and whatever else makes an Identity tomorrow.
"""

from dataclasses import dataclass
from enum import StrEnum

from extauth.registry.errors import NotFoundError


class Role(StrEnum):
    """What somebody may do; `roles` has the table."""

    VIEWER = "viewer"
    """Sees."""
    EDITOR = "editor"
    """Changes keys too, and tenants and plans unless it is of one tenant."""
    OWNER = "owner"
    """Does everything, and says who else may."""
    PUBLISHER = "publisher"
    """Watches the keys of all tenants, digests and all, and does nothing else."""


@dataclass(frozen=True, slots=True)
class Identity:
    """One who may ask."""

    name: str
    """Unique, never given to another, at most 100 characters: `admin-token:0123456789AB`."""
    role: Role
    tenant: str | None = None
    """None for all tenants."""

    def sees(self, tenant: str | None) -> bool:
        """Whether what belongs to `tenant` (None: to none of them) is there for this identity."""
        return self.tenant is None or self.tenant == tenant

    def narrow(self, tenant: str) -> str:
        """The tenant that a request for `tenant` (empty: any) is about, empty for all; NotFoundError for another's."""
        if tenant and not self.sees(tenant):
            raise NotFoundError("tenant")
        return tenant or self.tenant or ""
