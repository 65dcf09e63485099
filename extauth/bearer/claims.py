"""What a token says of its bearer, and why a token is refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from extauth.bearer.settings import ClaimNames

Members = Mapping[str, Any]
"""A JSON object: the claims of a JWT (RFC 7519), or an introspection response (RFC 7662)."""

MAX_TOKEN_LENGTH = 16 * 1024
_LONGEST_TEXT = 512
_NUMBERS = 2**63  # ids that are numbers
_LATEST = 2**38  # seconds: the year 10680; a greater number is no NumericDate


class Refusal(StrEnum):
    """Why a token is not accepted."""

    MALFORMED = "malformed"
    UNKNOWN_ISSUER = "unknown_issuer"
    WRONG_ALGORITHM = "wrong_algorithm"
    UNKNOWN_KEY = "unknown_key"
    BAD_SIGNATURE = "bad_signature"
    WRONG_TYPE = "wrong_type"
    WRONG_AUDIENCE = "wrong_audience"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    MISSING_CLAIM = "missing_claim"
    """Absent, or of a shape that cannot be used."""
    INACTIVE = "inactive"
    """The authorization server does not know the token, or no longer honours it."""
    KEYS_UNAVAILABLE = "keys_unavailable"
    """The issuer's keys, or the newest of them, could not be fetched."""
    UNAVAILABLE = "unavailable"
    """The authorization server could not be asked."""

    @property
    def is_ours(self) -> bool:
        """Whether the fault lies on our side: nothing is known against the token."""
        return self in {Refusal.KEYS_UNAVAILABLE, Refusal.UNAVAILABLE}


@dataclass(frozen=True, slots=True)
class Claims:
    """Who bears a token and what it allows. Times are Unix milliseconds, 0 for no bound, leeway not included."""

    issuer_name: str
    subject: str
    token_id: str = ""
    """`jti`, empty when the token has none."""
    tenant: str = ""
    """Empty when the issuer's settings name no claim for it."""
    scopes: tuple[str, ...] = ()
    plan: str = ""
    expires_at: int = 0
    not_before: int = 0


class Times(NamedTuple):
    """`exp`, `nbf` and `iat` in Unix seconds; None where the token does not say."""

    expires: float | None
    not_before: float | None
    issued: float | None


def times_of(members: Members) -> Times | Refusal:
    """The times of a token; MISSING_CLAIM when one of them is no NumericDate (RFC 7519, 2)."""
    times = [members.get(name) for name in ("exp", "nbf", "iat")]
    if any(time is not None and not _is_date(time) for time in times):
        return Refusal.MISSING_CLAIM
    return Times(*times)


def has_audience(members: Members, accepted: frozenset[str]) -> bool:
    """Whether `aud`, a string or a list of strings, has one of those that are accepted (RFC 7519, 4.1.3)."""
    audience = members.get("aud")
    found = audience if isinstance(audience, list) else [audience]
    return any(isinstance(one, str) and one in accepted for one in found)


def read_claims(issuer_name: str, names: ClaimNames, members: Members, times: Times) -> Claims | Refusal:
    """What the claims say; MISSING_CLAIM when one that is needed is absent, or has a shape that cannot be used."""
    subject = _text(find(members, names.subject))
    token_id = _text(members.get("jti"), absent="")
    tenant = _text(find(members, names.tenant)) if names.tenant else ""
    plan = _text(find(members, names.plan), absent="") if names.plan else ""
    scopes = _scopes(find(members, names.scopes))
    if not subject or token_id is None or (names.tenant and not tenant) or plan is None or scopes is None:
        return Refusal.MISSING_CLAIM
    return Claims(
        issuer_name=issuer_name,
        subject=subject,
        token_id=token_id,
        tenant=tenant or "",
        scopes=scopes,
        plan=plan,
        expires_at=_milliseconds(times.expires),
        not_before=_milliseconds(times.not_before),
    )


def find(members: Members, path: str) -> object:
    """The member at a dotted path, or None. A member with the whole (rest of the) path for its name comes first."""
    found: object = members
    while isinstance(found, Mapping):
        if path in found:
            return found[path]
        head, dot, path = path.partition(".")
        found = found.get(head) if dot else None
    return None


def _text(value: object, absent: str | None = None) -> str | None:
    """A claim as text that may stand in a header: None when it cannot."""
    if value is None:
        return absent
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _NUMBERS:
        return str(value)
    return value if isinstance(value, str) and len(value) <= _LONGEST_TEXT and value.isprintable() else None


def _scopes(value: object) -> tuple[str, ...] | None:
    if value is None:
        return ()
    scopes = value.split(" ") if isinstance(value, str) else value
    if not isinstance(scopes, list) or not all(isinstance(scope, str) and scope.isprintable() for scope in scopes):
        return None
    return tuple(dict.fromkeys(scope for scope in scopes if scope))


def _is_date(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _LATEST


def _milliseconds(seconds: float | None) -> int:
    return int(seconds * 1000) if seconds is not None else 0
