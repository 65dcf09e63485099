"""An admin token as the registry keeps it: who may change keys, apart from the bootstrap token of the settings."""

import dataclasses
from enum import StrEnum

from extauth.registry.errors import ConflictError
from extauth.registry.identity import Identity, Role

KIND = "admin token"
"""For errors and the audit trail."""
PREFIX = "extauth_admin"
"""Begins every admin token; what follows is as in API keys: id, secret, checksum."""
ROTATED = "rotated"
_MAKE_A_NEW_ONE = "create a new token"


class TokenState(StrEnum):
    """What a token can be used for at one moment."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclasses.dataclass(frozen=True, slots=True)
class NewAdminToken:
    """What is asked for when a token is made."""

    name: str
    role: Role
    tenant: str | None = None
    """None for all tenants."""
    expires_at: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class AdminToken:
    """All that the registry knows of an admin token. Times are Unix milliseconds, None for no bound or never."""

    id: str
    pepper_id: str
    name: str
    role: Role
    tenant: str | None
    created_by: str
    created_at: int
    expires_at: int | None = None
    last_used_at: int | None = None
    revoked_at: int | None = None
    revoked_reason: str = ""
    rotated_from: str | None = None
    rotated_to: str | None = None

    @property
    def identity(self) -> Identity:
        return Identity(f"admin-token:{self.id}", self.role, self.tenant)

    def state(self, now: int) -> TokenState:
        if self.revoked_at is not None:
            return TokenState.REVOKED
        if self.expires_at is not None and self.expires_at <= now:
            return TokenState.EXPIRED
        return TokenState.ACTIVE


@dataclasses.dataclass(frozen=True, slots=True)
class IssuedAdminToken:
    """A new token and its text, which nobody can read again later. `repr` hides it."""

    token: AdminToken
    secret: str = dataclasses.field(repr=False)


def revoke(token: AdminToken, now: int, reason: str) -> AdminToken:
    """One that is revoked comes back as it is."""
    if token.revoked_at is not None:
        return token
    return dataclasses.replace(token, revoked_at=now, revoked_reason=reason)


def retire(token: AdminToken, now: int, grace: int, successor_id: str) -> AdminToken:
    """The old token of a rotation: it lives on for `grace` milliseconds at most, or is revoked at once with 0."""
    linked = dataclasses.replace(token, rotated_to=successor_id)
    if grace == 0:
        return revoke(linked, now, ROTATED)
    end = now + grace
    return dataclasses.replace(linked, expires_at=end if token.expires_at is None else min(token.expires_at, end))


def check_rotatable(token: AdminToken, now: int) -> None:
    """Raise ConflictError for a token that is revoked, expired or has a successor."""
    if token.rotated_to is not None:
        raise ConflictError("is rotated already", "rotate its successor, named in rotated_to", KIND)
    state = token.state(now)
    if state is not TokenState.ACTIVE:
        raise ConflictError(f"is {state.value}, which is final", _MAKE_A_NEW_ONE, KIND)
