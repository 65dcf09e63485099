"""The revocation of one bearer token, or of all tokens of a subject. The registry keeps a digest of which one."""

import dataclasses
import secrets
from enum import StrEnum

from extauth.keys.mark import Claim, mark
from extauth.keys.token import BASE62, KEY_ID_LENGTH
from extauth.registry.errors import ConflictError

KIND = "revocation"
"""For NotFoundError and ConflictError."""
_PREFIX = "tr_"


@dataclasses.dataclass(frozen=True, slots=True)
class Tokens:
    """Which tokens of an issuer (`iss`) are meant: the one with this `jti`, or all with this `sub`. `repr` hides it."""

    issuer: str
    claim: Claim
    value: str = dataclasses.field(repr=False)

    @property
    def mark(self) -> str:
        """The text whose digest stands for them."""
        return mark(self.issuer, self.claim, self.value)


class RevocationStatus(StrEnum):
    """Whether the tokens are refused."""

    REVOKED = "revoked"
    LIFTED = "lifted"


@dataclasses.dataclass(frozen=True, slots=True)
class TokenRevocation:
    """All that the registry knows of a revocation. Times are Unix milliseconds."""

    id: str
    issuer: str
    claim: Claim
    pepper_id: str
    reason: str
    created_by: str
    created_at: int
    expires_at: int | None = None
    """From then on every token that is meant has expired by itself; None when nobody knows."""
    status: RevocationStatus = RevocationStatus.REVOKED
    revision: int = 0
    """Of its last change."""


def new_id() -> str:
    """`tr_` and 12 base62 characters, which no key's id is."""
    return _PREFIX + "".join(secrets.choice(BASE62) for _ in range(KEY_ID_LENGTH))


def is_id(text: str) -> bool:
    """Whether `new_id` may have made it."""
    body = text.removeprefix(_PREFIX)
    return body != text and len(body) == KEY_ID_LENGTH and frozenset(BASE62).issuperset(body)


def revoke_again(revocation: TokenRevocation, reason: str, until: int | None) -> TokenRevocation:
    """One that holds comes back as it is, unless it would end before `until`: asking again never shortens it."""
    if revocation.status is RevocationStatus.LIFTED:
        return dataclasses.replace(revocation, status=RevocationStatus.REVOKED, reason=reason, expires_at=until)
    if revocation.expires_at is None or (until is not None and until <= revocation.expires_at):
        return revocation
    return dataclasses.replace(revocation, expires_at=until)


def lift(revocation: TokenRevocation) -> TokenRevocation:
    """Honour the subject's tokens again; ConflictError for a single token, whose revocation is final."""
    if revocation.claim == "jti":
        raise ConflictError("is of a single token, which is final", "have the issuer make a new token", KIND)
    return dataclasses.replace(revocation, status=RevocationStatus.LIFTED)
