"""From a bearer token to who bears it: what can be verified here, and what an authorization server must be asked."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

from extauth.bearer.claims import Claims, Refusal
from extauth.keys.digest import Pepper
from extauth.keys.mark import mark
from extauth.policy.reasons import Reason
from extauth.store.key_reader import Candidate

_REASONS = {
    Refusal.MALFORMED: Reason.MALFORMED_KEY,
    Refusal.EXPIRED: Reason.EXPIRED_KEY,
    Refusal.NOT_YET_VALID: Reason.NOT_YET_VALID,
    Refusal.KEYS_UNAVAILABLE: Reason.UNAVAILABLE,
    Refusal.UNAVAILABLE: Reason.UNAVAILABLE,
}
_JWT_PARTS = 3

Known = Callable[[Claims | Refusal], None]
Ask = Callable[[float, Known], None]
"""Ask an authorization server: by a deadline (monotonic seconds), answering on a thread of its own."""


class Verifier(Protocol):
    """What verifies JWTs; extauth.bearer.verify has it."""

    def verify(self, token: str, now: float) -> Claims | Refusal: ...


class Introspector(Protocol):
    """What asks an authorization server; extauth.bearer.introspection has it."""

    def lookup(self, token: str, now: float) -> Claims | Refusal | None: ...

    def ask(self, token: str, deadline: float, done: Known) -> None: ...


class Tokens:
    """The issuers of a policy. `issuers` maps their names to the `iss` by which the registry knows them."""

    def __init__(
        self,
        verifier: Verifier | None,
        introspectors: Mapping[str, Introspector],
        issuers: Mapping[str, str],
        peppers: Sequence[Pepper],
    ) -> None:
        self._verifier = verifier
        self._introspectors = introspectors
        self._issuers = issuers
        self._peppers = peppers

    def find(self, token: str, accepts: Sequence[str], now: float) -> Claims | Refusal | Ask:
        """Who bears the token or why it is refused; or how to ask. `now` in Unix seconds."""
        if self._verifier is not None and token.count(".") == _JWT_PARTS - 1:
            found = self._verifier.verify(token, now)
            if isinstance(found, Claims) and found.issuer_name not in accepts:
                found = Refusal.UNKNOWN_ISSUER
            if found is not Refusal.UNKNOWN_ISSUER:
                return found
        # A JWT of an issuer that is not verified here may still be known to an authorization server.
        introspector = next((self._introspectors[name] for name in accepts if name in self._introspectors), None)
        if introspector is None:
            return Refusal.UNKNOWN_ISSUER if token.count(".") == _JWT_PARTS - 1 else Refusal.MALFORMED
        return introspector.lookup(token, now) or partial(introspector.ask, token)

    def marks(self, claims: Claims) -> list[Candidate]:
        """Under which digests a revocation of this token, or of its subject, would be found."""
        issuer = self._issuers[claims.issuer_name]
        texts = [mark(issuer, "sub", claims.subject)]
        if claims.token_id:
            texts.append(mark(issuer, "jti", claims.token_id))
        return [Candidate(pepper.id, pepper.digest(text)) for text in texts for pepper in self._peppers]


def reason_for(refusal: Refusal) -> Reason:
    """What a refused token means for the caller."""
    return _REASONS.get(refusal, Reason.INVALID_KEY)
