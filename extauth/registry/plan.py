"""A plan as the registry keeps it: limits that many keys or tenants have in common."""

from dataclasses import dataclass

from extauth.keys.record import LimitOverride

KIND = "plan"
"""For NotFoundError and ConflictError."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All that the registry knows of a plan. Times are Unix milliseconds."""

    name: str
    created_at: int
    updated_at: int
    description: str = ""
    limits: tuple[LimitOverride, ...] = ()
    scopes: tuple[str, ...] = ()
    """Of new keys that are made without a word on scopes. Later changes do not reach keys that are there."""
    revision: int = 1
    """Counts the changes of this plan."""
    propagating: bool = False
    """Whether some of its keys have yet to be published again for its last change."""


@dataclass(frozen=True, slots=True)
class NewPlan:
    """What is asked for when a plan is made."""

    name: str
    description: str = ""
    limits: tuple[LimitOverride, ...] = ()
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanUpdate:
    """What may be changed of a plan; None leaves a field as it is, anything else replaces it whole."""

    description: str | None = None
    limits: tuple[LimitOverride, ...] | None = None
    scopes: tuple[str, ...] | None = None
