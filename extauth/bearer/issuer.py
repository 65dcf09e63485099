"""What one issuer's tokens must say, once their signature has been verified (RFC 7519, RFC 8725, RFC 9068)."""

from typing import Any, NamedTuple

from extauth.bearer.claims import Claims, Members, Refusal, Times, has_audience, read_claims, times_of
from extauth.bearer.settings import IssuerSettings


class Accepted(NamedTuple):
    """A token's claims, and until when (Unix seconds, leeway included) they hold."""

    claims: Claims
    until: float


class Issuer:
    """The rules of an issuer, ready to judge by."""

    def __init__(self, settings: IssuerSettings) -> None:
        self.name = settings.name
        self.algorithms = frozenset(settings.algorithms)
        self._names = settings.claims
        self._audiences = frozenset(settings.audiences)
        self._leeway = settings.leeway
        self._max_age = settings.max_age
        self._type = None if settings.required_type is None else _media_type(settings.required_type)

    def judge(self, header: Members, members: Members, now: float) -> Accepted | Refusal:
        """`now` in Unix seconds. The signature has been verified."""
        if self._type is not None and _media_type(header.get("typ")) != self._type:
            return Refusal.WRONG_TYPE
        if not has_audience(members, self._audiences):
            return Refusal.WRONG_AUDIENCE
        times = times_of(members)
        if isinstance(times, Refusal):
            return times
        until = self._until(times, now)
        if isinstance(until, Refusal):
            return until
        claims = read_claims(self.name, self._names, members, times)
        return claims if isinstance(claims, Refusal) else Accepted(claims, until)

    def _until(self, times: Times, now: float) -> float | Refusal:
        """When the token stops being valid; a Refusal when it is not valid now."""
        if times.expires is None or (self._max_age is not None and times.issued is None):
            return Refusal.MISSING_CLAIM
        until = times.expires
        begins = times.not_before or 0
        if self._max_age is not None and times.issued is not None:
            until = min(until, times.issued + self._max_age)
            begins = max(begins, times.issued)
        if now >= until + self._leeway:
            return Refusal.EXPIRED
        return Refusal.NOT_YET_VALID if now < begins - self._leeway else until + self._leeway


def _media_type(value: Any) -> str:  # noqa: ANN401 (JSON of any shape)
    """`typ` as it is compared: in any case, with or without `application/` (RFC 7515, 4.1.9)."""
    return value.lower().removeprefix("application/") if isinstance(value, str) else ""
