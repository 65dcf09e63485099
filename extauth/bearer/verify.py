"""Verifying JWTs, in memory only: no token waits for an issuer, and a token seen before costs no signature check.

A token's own words are used for one thing before its signature is verified: `iss` picks the issuer, whose settings
then say which algorithms and keys there can be. Keys or addresses of keys in a header (jwk, jku, x5c, x5u) mean
nothing here.
"""

from collections.abc import Sequence
from typing import NamedTuple

from extauth.bearer.claims import MAX_TOKEN_LENGTH, Claims, Refusal
from extauth.bearer.issuer import Issuer
from extauth.bearer.jwks import KeyRing
from extauth.bearer.jws import SignedToken, parse
from extauth.bearer.key_set import KeySet
from extauth.bearer.settings import IssuerSettings
from extauth.bearer.token_cache import TokenCache, digest_of
from extauth.telemetry.bearer_metrics import BearerMetrics

NO_ISSUER = "none"
"""The `issuer` label of tokens that no issuer is known for."""
_CACHE_SIZE = 50_000  # tokens; about 1 kB each
_OK = "ok"


class _Verified(NamedTuple):
    """Holds until then (Unix seconds), as long as the issuer's keys are those that it was verified with."""

    claims: Claims
    keys: KeySet
    until: float


class TokenVerifier:
    """Verifies tokens of all issuers. Call `verify` from any thread."""

    def __init__(
        self, issuers: Sequence[IssuerSettings], ring: KeyRing, metrics: BearerMetrics, cache_size: int = _CACHE_SIZE
    ) -> None:
        self._issuers = {settings.issuer: Issuer(settings) for settings in issuers}
        self._ring = ring
        self._cache: TokenCache[_Verified] = TokenCache(cache_size)
        names = [*(settings.name for settings in issuers), NO_ISSUER]
        self._outcomes = {
            (name, outcome): metrics.verifications.labels(name, outcome)
            for name in names
            for outcome in (_OK, *Refusal)
        }
        self._hits = {name: metrics.cache_hits.labels(name) for name in names}

    def verify(self, token: str, now: float) -> Claims | Refusal:
        """Who bears the token, or why it is refused. `now` in Unix seconds."""
        digest = digest_of(token) if len(token) <= MAX_TOKEN_LENGTH else None
        if digest is None:
            return self._refuse(NO_ISSUER, Refusal.MALFORMED)
        known = self._cache.get(digest)
        if known is not None and now < known.until and known.keys is self._ring.keys_of(known.claims.issuer_name):
            self._hits[known.claims.issuer_name].inc()
            self._outcomes[known.claims.issuer_name, _OK].inc()
            return known.claims
        return self._verify_anew(token, digest, now)

    def _verify_anew(self, token: str, digest: bytes, now: float) -> Claims | Refusal:
        parsed = parse(token)
        if parsed is None:
            return self._refuse(NO_ISSUER, Refusal.MALFORMED)
        name = parsed.members.get("iss")
        issuer = self._issuers.get(name) if isinstance(name, str) else None
        if issuer is None:
            return self._refuse(NO_ISSUER, Refusal.UNKNOWN_ISSUER)
        keys = self._ring.keys_of(issuer.name)
        if keys is None:
            return self._refuse(issuer.name, Refusal.KEYS_UNAVAILABLE)
        fault = self._check_signature(issuer, keys, parsed)
        if fault is not None:
            return self._refuse(issuer.name, fault)
        judged = issuer.judge(parsed.header, parsed.members, now)
        if isinstance(judged, Refusal):
            return self._refuse(issuer.name, judged)
        self._cache.put(digest, _Verified(judged.claims, keys, judged.until))
        self._outcomes[issuer.name, _OK].inc()
        return judged.claims

    def _check_signature(self, issuer: Issuer, keys: KeySet, parsed: SignedToken) -> Refusal | None:
        algorithm, key_id = parsed.header.get("alg"), parsed.header.get("kid")
        # Nothing that a header could declare critical is understood here (RFC 7515, 4.1.11).
        if "crit" in parsed.header or not (key_id is None or isinstance(key_id, str)):
            return Refusal.MALFORMED
        if not isinstance(algorithm, str) or algorithm not in issuer.algorithms:
            return Refusal.WRONG_ALGORITHM
        named = keys.named(key_id)
        fitting = [key for key in named if algorithm in key.algorithms]
        if named and not fitting:
            return Refusal.WRONG_ALGORITHM
        if any(key.verify(algorithm, parsed.signed, parsed.signature) for key in fitting):
            return None
        if any(key.key_id is not None for key in named):
            return Refusal.BAD_SIGNATURE
        return self._missed(issuer, Refusal.BAD_SIGNATURE if named else Refusal.UNKNOWN_KEY)

    def _missed(self, issuer: Issuer, refusal: Refusal) -> Refusal:
        """No key has the name that the token gives. While newer keys cannot be read, one of them may have it."""
        source = self._ring.source_of(issuer.name)
        if source is None:
            return refusal
        source.missed()
        return refusal if source.error is None else Refusal.KEYS_UNAVAILABLE

    def _refuse(self, issuer_name: str, refusal: Refusal) -> Refusal:
        self._outcomes[issuer_name, refusal].inc()
        return refusal
