"""Who is calling: from what was sent to a Caller, by key or by token, from memory or by asking."""

from collections.abc import Callable, Sequence

from extauth.bearer.claims import Claims, Refusal
from extauth.check.clocks import Clocks
from extauth.check.credential import Credential
from extauth.check.guessing import KeyGuard
from extauth.check.keys import KeyLookup
from extauth.check.permit import in_force
from extauth.check.steps import Check, Step, Wait, refuse
from extauth.check.tally import Tally
from extauth.check.tokens import Tokens, reason_for
from extauth.check.unidentified import Authorize, Unidentified
from extauth.keys.mark import is_marked
from extauth.keys.record import KeyRecord, Status
from extauth.keys.token import key_id_of
from extauth.policy.credentials import KEY
from extauth.policy.reasons import Reason
from extauth.store.errors import StoreUnavailableError
from extauth.store.key_reader import Candidate, Found, KeyReader


class Identifier:
    """`identify` does no I/O; what must be asked is a Wait."""

    def __init__(  # noqa: PLR0917 (what it asks, in the order in which it asks)
        self, keys: KeyLookup, tokens: Tokens, reader: KeyReader, tally: Tally, clocks: Clocks, guard: KeyGuard
    ) -> None:
        self._keys = keys
        self._tokens = tokens
        self._reader = reader
        self._tally = tally
        self._guard = guard
        self._wall = clocks.wall
        self._monotonic = clocks.monotonic
        self._unidentified = Unidentified(clocks)

    def identify(self, check: Check, authorize: Authorize) -> Step:
        credential = check.api.finder.find(check.request)
        if not isinstance(credential, tuple):
            return self._guard.refuse(check, credential)
        check.credential, accepts = credential
        if accepts == (KEY,) or (KEY in accepts and key_id_of(check.credential) is not None):
            return self._by_key(check, check.credential, authorize)
        return self._by_token(check, credential, authorize)

    def _by_key(self, check: Check, key: str, authorize: Authorize) -> Step:
        if is_marked(key):  # a query can carry any text, and a revocation that was lifted is a record in force
            return self._guard.refuse(check, Reason.MALFORMED_KEY)
        digests = self._keys.digests(key)
        found = self._find(check, digests)
        if isinstance(found, KeyRecord):  # nearly always
            return self._with_record(check, found, authorize)
        if found is not None:
            return self._without_record(check, digests, found, authorize)
        return self._look_up(check, key, digests, authorize)

    def _look_up(self, check: Check, key: str, digests: Sequence[bytes], authorize: Authorize) -> Step:
        """What memory does not know."""
        impossible = self._keys.impossible(key)
        if impossible is not None:
            return self._guard.refuse(check, impossible)
        refused = self._guard.before_lookup(check)
        if refused is not None:
            return refused

        def with_record(record: KeyRecord | Reason | None) -> Step:
            if isinstance(record, KeyRecord):
                return self._with_record(check, record, authorize)
            return self._without_record(check, digests, record or Reason.INVALID_KEY, authorize)

        return self._read(check, self._keys.candidates(digests), with_record, authorize)

    def _without_record(self, check: Check, digests: Sequence[bytes], reason: Reason, authorize: Authorize) -> Step:
        if reason is Reason.UNAVAILABLE:
            known = self._keys.last_known(digests)
            return self._unidentified.go_on(check, known, authorize, redis_is_away=self._reader.redis_is_away)
        return self._guard.refuse(check, reason)

    def _with_record(self, check: Check, record: KeyRecord, authorize: Authorize) -> Step:
        grant = check.grant = check.api.grants.of_key(record)
        if not grant.has_bounds:
            return authorize(check, grant)
        reason = in_force(record, int(self._wall() * 1000))
        return authorize(check, grant) if reason is Reason.OK else refuse(check, reason)

    def _by_token(self, check: Check, credential: Credential, authorize: Authorize) -> Step:
        found = self._tokens.find(*credential, self._wall())
        if isinstance(found, Claims | Refusal):
            return self._with_claims(check, found, authorize)
        refused = self._guard.before_lookup(check)
        if refused is not None:
            return refused
        ask = found
        return Wait(
            lambda go_on: ask(check.deadline, lambda answer: go_on(self._with_claims(check, answer, authorize)))
        )

    def _with_claims(self, check: Check, claims: Claims | Refusal, authorize: Authorize) -> Step:
        if isinstance(claims, Refusal):
            return self._guard.refuse(check, reason_for(claims))
        grant = check.grant = check.api.grants.of_token(claims)
        marks = self._tokens.marks(claims)

        def unless_revoked(record: KeyRecord | Reason | None) -> Step:
            revoked = isinstance(record, KeyRecord) and record.status is not Status.ACTIVE
            return refuse(check, Reason.REVOKED_KEY) if revoked else authorize(check, grant)

        found = self._find(check, [candidate.digest for candidate in marks])
        if found is None:
            return self._read(check, marks, unless_revoked, authorize)
        return unless_revoked(found)

    def _find(self, check: Check, digests: Sequence[bytes]) -> KeyRecord | Reason | None:
        """What memory knows: the record, the Reason when there is none, None when Redis must be asked."""
        found = self._keys.find(digests, check.started)
        if found is not None:
            check.lookup = self._tally.hit if isinstance(found, KeyRecord) else self._tally.absent
        elif self._reader.redis_is_away:
            found = self._keys.find_stale(digests, check.started, check.api.outage.max_stale)
            check.lookup = None if found is None else self._tally.stale
        return found

    def _read(
        self,
        check: Check,
        candidates: Sequence[Candidate],
        go_on: Callable[[KeyRecord | Reason | None], Step],
        authorize: Authorize,
    ) -> Step:
        """Ask Redis, and continue with the record, None when there is none, a Reason when that cannot be known."""
        self._tally.miss.inc()
        check.asked_redis = True

        def after(found: Found) -> Step:
            if not isinstance(found, StoreUnavailableError):
                return go_on(found)
            digests = [candidate.digest for candidate in candidates]
            stale = self._keys.find_stale(digests, self._monotonic(), check.api.outage.max_stale)
            if stale is None:
                known = self._keys.last_known(digests)
                return self._unidentified.go_on(check, known, authorize, redis_is_away=found.is_outage)
            self._tally.stale.inc()
            return go_on(stale)

        return Wait(lambda step: self._reader.read(candidates, check.deadline, lambda found: step(after(found))))
