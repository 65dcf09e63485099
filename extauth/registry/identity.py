"""Who asks: a name for the audit trail, a role, and the tenant whose things it may see.

What proved it is left behind here: an admin token today, and whatever else makes an Identity tomorrow.
"""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What somebody may do; `roles` has the table."""

    VIEWER = "viewer"
    """Sees."""
    EDITOR = "editor"
    """Changes keys too."""
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
