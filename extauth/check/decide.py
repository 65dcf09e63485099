"""The decision, from the bytes of a CheckRequest to the bytes of a CheckResponse.

What memory can answer is answered at once. Otherwise `decide` returns a Pending, which asks Redis for the key, the
buckets, or both in turn, and goes on where the decision stopped.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from extauth.check import answer
from extauth.check import request as request_reader
from extauth.check.credential import CredentialFinder
from extauth.check.denial import Denials
from extauth.check.keys import KeyLookup
from extauth.check.limit import Limiter, RateStatus, status_of
from extauth.check.pending import Pending, Verdict
from extauth.check.permit import permit
from extauth.check.request import Request
from extauth.check.route import Router
from extauth.check.tally import NO_API, Tally
from extauth.keys.record import KeyRecord
from extauth.policy.reasons import Reason
from extauth.policy.schema import Api, Match
from extauth.store.bucket import Level
from extauth.store.buckets import LocalBuckets, SharedBuckets
from extauth.store.errors import StoreUnavailableError
from extauth.store.key_reader import Candidate, Found, KeyReader
from extauth.store.names import Names

Outcome = Verdict | Pending
Conclude = Callable[[Verdict], None]


class ServedApi:
    """One API of the policy, made ready to decide with."""

    def __init__(self, api: Api, names: Names) -> None:
        self.name = api.name
        self.match: Match = api.match
        self.finder = CredentialFinder(api.credentials)
        self.scopes = frozenset(api.scopes)
        self.limiter = Limiter(api, names)
        self.headers = api.upstream_headers
        self.denials = Denials(api.name, api.credentials)


@dataclass(frozen=True, slots=True)
class Stores:
    """Where keys and buckets come from."""

    keys: KeyLookup
    reader: KeyReader
    shared: SharedBuckets
    local: LocalBuckets


@dataclass(frozen=True, slots=True)
class Clocks:
    """Monotonic seconds, for waits and ages; Unix seconds, for the bounds of keys."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time


@dataclass(slots=True)
class _Check:
    """One check on its way. Times in monotonic seconds."""

    api: ServedApi
    grpc: bool
    started: float
    deadline: float
    candidates: Sequence[Candidate] = field(default=())
    asked_redis: bool = False


class Decider:
    """Decides by one policy. Call `decide` from any thread."""

    def __init__(self, apis: Sequence[ServedApi], stores: Stores, tally: Tally, clocks: Clocks) -> None:
        self._router = Router(apis)
        self._stores = stores
        self._tally = tally
        self._clocks = clocks
        self._no_api_denials = Denials(NO_API)

    def decide(self, message: bytes, deadline: float) -> bytes | Pending:
        """The serialised CheckResponse, or a Pending that makes it. `deadline` in monotonic seconds."""
        started = self._clocks.monotonic()
        request = request_reader.read(message)
        if request is None or self._router.refuses(request):
            return self._refuse_unrouted(Reason.BAD_REQUEST, request, started)
        api = self._router.find(request)
        if api is None:
            return self._refuse_unrouted(Reason.NO_POLICY, request, started)
        check = _Check(api, request.is_grpc, started, deadline)
        outcome = self._identify(check, request)
        if isinstance(outcome, Pending):
            return outcome
        self._count(check, outcome)
        return outcome.response

    def unavailable(self, message: bytes) -> bytes:
        """The answer when a check cannot even begin."""
        return self._refuse_unrouted(Reason.UNAVAILABLE, request_reader.read(message), self._clocks.monotonic())

    def _identify(self, check: _Check, request: Request) -> Outcome:
        key = check.api.finder.find(request)
        if isinstance(key, Reason):
            return _refuse(check, key)
        candidates = self._stores.keys.candidates(key)
        if isinstance(candidates, Reason):
            return _refuse(check, candidates)
        check.candidates = candidates
        found = self._stores.keys.find(candidates, check.started)
        if isinstance(found, Reason):
            self._tally.absent.inc()
            return _refuse(check, found)
        if found is None:
            self._tally.miss.inc()
            return self._pending(check, lambda conclude: self._read_key(check, conclude))
        self._tally.hit.inc()
        return self._authorize(check, found)

    def _read_key(self, check: _Check, conclude: Conclude) -> None:
        check.asked_redis = True

        def go_on(found: Found) -> None:
            outcome = self._after_read(check, found)
            if isinstance(outcome, Pending):
                outcome.then_conclude(conclude)
            else:
                conclude(outcome)

        self._stores.reader.read(check.candidates, check.deadline, go_on)

    def _after_read(self, check: _Check, found: Found) -> Outcome:
        if found is None:
            return _refuse(check, Reason.INVALID_KEY)
        if isinstance(found, StoreUnavailableError):
            stale = self._stores.keys.find_stale(check.candidates, self._clocks.monotonic())
            if stale is None:
                return _refuse(check, Reason.UNAVAILABLE)
            self._tally.stale.inc()
            found = stale
        return self._authorize(check, found)

    def _authorize(self, check: _Check, record: KeyRecord) -> Outcome:
        verdict = permit(record, check.api.scopes, int(self._clocks.wall() * 1000))
        if verdict is not Reason.OK:
            return _refuse(check, verdict)
        if not check.api.limiter.names:
            return _allow(check, record, None)
        return self._pending(check, lambda conclude: self._spend(check, record, conclude))

    def _spend(self, check: _Check, record: KeyRecord, conclude: Conclude) -> None:
        check.asked_redis = True
        buckets = check.api.limiter.buckets(record)

        def go_on(spent: list[Level] | StoreUnavailableError) -> None:
            if isinstance(spent, StoreUnavailableError):
                conclude(self._limit(check, record, self._stores.local.spend(buckets), "local"))
            else:
                conclude(self._limit(check, record, spent, "redis"))

        self._stores.shared.spend(buckets, check.deadline, go_on)

    def _limit(self, check: _Check, record: KeyRecord, levels: Sequence[Level], source: str) -> Verdict:
        self._tally.spends(check.api.name, check.api.limiter.names, levels, source)
        status = status_of(levels, self._clocks.wall())
        return _refuse(check, Reason.RATE_LIMITED, status) if status.limited else _allow(check, record, status)

    def _pending(self, check: _Check, begin: Callable[[Conclude], None]) -> Pending:
        return Pending(begin, lambda: _refuse(check, Reason.UNAVAILABLE), lambda verdict: self._count(check, verdict))

    def _count(self, check: _Check, verdict: Verdict) -> None:
        seconds = self._clocks.monotonic() - check.started
        self._tally.check(check.api.name, verdict.reason, asked_redis=check.asked_redis, seconds=seconds)

    def _refuse_unrouted(self, reason: Reason, request: Request | None, started: float) -> bytes:
        self._tally.check(NO_API, reason, asked_redis=False, seconds=self._clocks.monotonic() - started)
        return self._no_api_denials.write(reason, grpc=request is not None and request.is_grpc)


def _allow(check: _Check, record: KeyRecord, status: RateStatus | None) -> Verdict:
    headers = check.api.headers
    identity = [(headers.key_id, record.key_id), (headers.tenant, record.tenant)]
    limits = status.headers() if status else ()
    return Verdict(Reason.OK, answer.allow(identity, check.api.finder.headers, limits))


def _refuse(check: _Check, reason: Reason, status: RateStatus | None = None) -> Verdict:
    headers = status.headers() if status else ()
    return Verdict(reason, check.api.denials.write(reason, grpc=check.grpc, headers=headers))
