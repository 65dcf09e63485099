"""Who is calling: from what was sent to a Caller, by key or by token, from memory or by asking."""

from collections.abc import Callable

from extauth.bearer.claims import Claims, Refusal
from extauth.check.clocks import Clocks
from extauth.check.credential import Credential
from extauth.check.grant import Grant
from extauth.check.keys import KeyLookup
from extauth.check.permit import in_force
from extauth.check.steps import Check, Step, Wait, refuse
from extauth.check.tally import Tally
from extauth.check.tokens import Tokens, reason_for
from extauth.keys.record import KeyRecord, Status
from extauth.keys.token import key_id_of
from extauth.policy.credentials import KEY
from extauth.policy.reasons import Reason
from extauth.store.errors import StoreUnavailableError
from extauth.store.key_reader import Found, KeyReader

Authorize = Callable[[Check, Grant], Step]
"""What comes after the caller is known."""


class Identifier:
    """`identify` does no I/O; what must be asked is a Wait."""

    def __init__(self, keys: KeyLookup, tokens: Tokens, reader: KeyReader, tally: Tally, clocks: Clocks) -> None:
        self._keys = keys
        self._tokens = tokens
        self._reader = reader
        self._tally = tally
        self._wall = clocks.wall
        self._monotonic = clocks.monotonic

    def identify(self, check: Check, authorize: Authorize) -> Step:
        credential = check.api.finder.find(check.request)
        if isinstance(credential, Reason):
            return refuse(check, credential)
        check.credential = credential.text
        if credential.accepts == (KEY,) or (KEY in credential.accepts and key_id_of(credential.text) is not None):
            return self._by_key(check, credential, authorize)
        return self._by_token(check, credential, authorize)

    def _by_key(self, check: Check, credential: Credential, authorize: Authorize) -> Step:
        check.candidates = self._keys.candidates(credential.text)

        def with_record(record: KeyRecord | None) -> Step:
            if record is None:
                return refuse(check, Reason.INVALID_KEY)
            grant = check.grant = check.api.grants.of_key(record)
            reason = in_force(record, int(self._wall() * 1000))
            return authorize(check, grant) if reason is Reason.OK else refuse(check, reason)

        return self._with_record(check, with_record, lambda: self._keys.impossible(credential.text))

    def _by_token(self, check: Check, credential: Credential, authorize: Authorize) -> Step:
        found = self._tokens.find(credential.text, credential.accepts, self._wall())
        if isinstance(found, Claims | Refusal):
            return self._with_claims(check, found, authorize)
        ask = found
        return Wait(
            lambda go_on: ask(check.deadline, lambda answer: go_on(self._with_claims(check, answer, authorize)))
        )

    def _with_claims(self, check: Check, claims: Claims | Refusal, authorize: Authorize) -> Step:
        if isinstance(claims, Refusal):
            return refuse(check, reason_for(claims))
        grant = check.grant = check.api.grants.of_token(claims)
        check.candidates = self._tokens.marks(claims)

        def unless_revoked(record: KeyRecord | None) -> Step:
            revoked = record is not None and record.status is not Status.ACTIVE
            return refuse(check, Reason.REVOKED_KEY) if revoked else authorize(check, grant)

        return self._with_record(check, unless_revoked, lambda: None)

    def _with_record(
        self, check: Check, go_on: Callable[[KeyRecord | None], Step], impossible: Callable[[], Reason | None]
    ) -> Step:
        """Continue with the record of the candidates, None when it is known that there is none.

        What `impossible` refuses is not asked of Redis.
        """
        found = self._keys.find(check.candidates, check.started)
        if isinstance(found, KeyRecord):
            self._tally.hit.inc()
            return go_on(found)
        if found is Reason.INVALID_KEY:
            self._tally.absent.inc()
            return go_on(None)
        refused = impossible()
        if refused is not None:
            return refuse(check, refused)
        self._tally.miss.inc()
        return Wait(lambda step: self._read(check, lambda answer: step(self._after_read(check, answer, go_on))))

    def _read(self, check: Check, done: Callable[[Found], None]) -> None:
        check.asked_redis = True
        self._reader.read(check.candidates, check.deadline, done)

    def _after_read(self, check: Check, found: Found, go_on: Callable[[KeyRecord | None], Step]) -> Step:
        if not isinstance(found, StoreUnavailableError):
            return go_on(found)
        stale = self._keys.find_stale(check.candidates, self._monotonic())
        if stale is None:
            return refuse(check, Reason.UNAVAILABLE)
        self._tally.stale.inc()
        return go_on(stale if isinstance(stale, KeyRecord) else None)
