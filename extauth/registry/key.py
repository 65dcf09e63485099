"""A key as the registry keeps it. The secret is not in it, nor anything that it could be guessed from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Final, Literal

from extauth.keys.record import NO_METADATA, LimitOverride, Status


class State(StrEnum):
    """What a key can be used for at one moment: its status and its times in one word."""

    ACTIVE = "active"
    PENDING = "pending"
    """Before not_before."""
    SUSPENDED = "suspended"
    """Its tenant is suspended."""
    DISABLED = "disabled"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a key has from its tenant and its plan, together with its own."""

    suspended: bool = False
    """Whether its tenant is."""
    plan: str = ""
    """Its own, or else its tenant's."""
    limits: tuple[LimitOverride, ...] = ()
    """Of each name its own, or else its tenant's, or else its plan's."""


@dataclass(frozen=True, slots=True)
class Key:
    """All that the registry knows of a key. Times are Unix milliseconds, None for no bound or never."""

    id: str
    prefix: str
    pepper_id: str
    name: str
    tenant: str
    scopes: tuple[str, ...]
    plan: str
    metadata: Mapping[str, str]
    created_by: str
    created_at: int
    limits: tuple[LimitOverride, ...] = ()
    """Its own."""
    not_before: int | None = None
    expires_at: int | None = None
    status: Status = Status.ACTIVE
    revoked_at: int | None = None
    revoked_reason: str = ""
    rotated_from: str | None = None
    rotated_to: str | None = None
    last_used_at: int | None = None
    revision: int = 0
    """Of the last change of this key; greater than that of every change before it."""
    terms: Terms = Terms()

    def state(self, now: int) -> State:
        """The strictest that holds: revoked, expired, disabled, suspended, pending, active."""
        if self.status is Status.REVOKED:
            return State.REVOKED
        if self.expires_at is not None and self.expires_at <= now:
            return State.EXPIRED
        if self.status is Status.DISABLED:
            return State.DISABLED
        if self.terms.suspended:
            return State.SUSPENDED
        if self.not_before is not None and now < self.not_before:
            return State.PENDING
        return State.ACTIVE


@dataclass(frozen=True, slots=True)
class NewKey:
    """What is asked for when a key is made. Times are Unix milliseconds."""

    name: str
    tenant: str
    created_by: str
    scopes: tuple[str, ...] | None = None
    """None: those of its plan."""
    plan: str = ""
    limits: tuple[LimitOverride, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=lambda: NO_METADATA)
    not_before: int | None = None
    expires_at: int | None = None


class _Unchanged(Enum):
    UNCHANGED = "unchanged"


UNCHANGED: Final = _Unchanged.UNCHANGED
"""In place of a time, which may be None."""
Unchanged = Literal[_Unchanged.UNCHANGED]


@dataclass(frozen=True, slots=True)
class KeyUpdate:
    """What may be changed of a key that exists; None leaves a field as it is, anything else replaces it whole.

    Of a time None takes the bound away.
    """

    name: str | None = None
    scopes: tuple[str, ...] | None = None
    plan: str | None = None
    limits: tuple[LimitOverride, ...] | None = None
    metadata: Mapping[str, str] | None = None
    not_before: int | Unchanged | None = UNCHANGED
    expires_at: int | Unchanged | None = UNCHANGED


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key and its secret text, which nobody can read again later. `repr` hides it."""

    key: Key
    secret: str = field(repr=False)
