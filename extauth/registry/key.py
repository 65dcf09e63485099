"""A key as the registry keeps it. The secret is not in it, nor anything that it could be guessed from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from extauth.keys.record import NO_METADATA, Status


class State(StrEnum):
    """What a key can be used for at one moment: its status and its times in one word."""

    ACTIVE = "active"
    PENDING = "pending"
    """Before not_before."""
    DISABLED = "disabled"
    EXPIRED = "expired"
    REVOKED = "revoked"


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

    def state(self, now: int) -> State:
        """The strictest that holds: revoked, expired, disabled, pending, active."""
        if self.status is Status.REVOKED:
            return State.REVOKED
        if self.expires_at is not None and self.expires_at <= now:
            return State.EXPIRED
        if self.status is Status.DISABLED:
            return State.DISABLED
        if self.not_before is not None and now < self.not_before:
            return State.PENDING
        return State.ACTIVE


@dataclass(frozen=True, slots=True)
class NewKey:
    """What is asked for when a key is made. Times are Unix milliseconds."""

    name: str
    tenant: str
    created_by: str
    scopes: tuple[str, ...] = ()
    plan: str = ""
    metadata: Mapping[str, str] = field(default_factory=lambda: NO_METADATA)
    not_before: int | None = None
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class KeyUpdate:
    """What may be changed of a key that exists; None leaves a field as it is, anything else replaces it whole."""

    name: str | None = None
    scopes: tuple[str, ...] | None = None
    plan: str | None = None
    metadata: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key and its secret text, which nobody can read again later. `repr` hides it."""

    key: Key
    secret: str = field(repr=False)
