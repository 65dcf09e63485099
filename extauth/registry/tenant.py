"""A tenant as the registry keeps it: whose keys they are, what they may use together, and whether at all."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from extauth.keys.record import NO_METADATA, LimitOverride

KIND = "tenant"
"""For NotFoundError and ConflictError."""


class TenantStatus(StrEnum):
    """Whether the keys of a tenant are honoured."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class Tenant:
    """All that the registry knows of a tenant. Times are Unix milliseconds."""

    id: str
    name: str
    created_at: int
    updated_at: int
    plan: str = ""
    """Of its keys that have none of their own; empty for none."""
    limits: tuple[LimitOverride, ...] = ()
    """Go before those of the plan of each key."""
    metadata: Mapping[str, str] = field(default_factory=lambda: NO_METADATA)
    status: TenantStatus = TenantStatus.ACTIVE
    suspended_reason: str = ""
    revision: int = 1
    """Counts the changes of this tenant."""
    propagating: bool = False
    """Whether some of its keys have yet to be published again for its last change."""


@dataclass(frozen=True, slots=True)
class NewTenant:
    """What is asked for when a tenant is made."""

    id: str
    name: str = ""
    """The id when it is empty."""
    plan: str = ""
    limits: tuple[LimitOverride, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=lambda: NO_METADATA)


@dataclass(frozen=True, slots=True)
class TenantUpdate:
    """What may be changed of a tenant; None leaves a field as it is, anything else replaces it whole."""

    name: str | None = None
    plan: str | None = None
    limits: tuple[LimitOverride, ...] | None = None
    metadata: Mapping[str, str] | None = None
