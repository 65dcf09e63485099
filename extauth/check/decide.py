"""The decision, from the bytes of a CheckRequest to the bytes of a CheckResponse.

What memory can answer is answered at once. Otherwise `decide` returns a Pending, which asks Redis (or an authorization
server) and goes on where the decision stopped.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from extauth.check import request as request_reader
from extauth.check.api import ServedApi
from extauth.check.check_log import CheckLog
from extauth.check.clocks import Clocks
from extauth.check.denial import Denials
from extauth.check.grant import Grant
from extauth.check.identify import Identifier
from extauth.check.pending import Pending
from extauth.check.rate_status import status_of
from extauth.check.request import Request
from extauth.check.route import Router
from extauth.check.steps import Check, Step, Verdict, Wait, let_pass, refuse
from extauth.check.tally import NO_API, Tally
from extauth.policy.reasons import Reason
from extauth.store.buckets import Answer, TokenBuckets
from extauth.store.draw import Draw
from extauth.store.usage_batch import ALLOWED, LIMITED
from extauth.telemetry.cells import lock

UsageOutcome: TypeAlias = str
"""What the ledger of usage keeps of a reason, see store/usage_batch.py."""
CountUsage = Callable[[str, str, str, UsageOutcome], None]
"""Count one check: the caller's name and tenant in Redis, the API, the outcome. Must not wait; `lock` is held."""

_USAGE: dict[Reason, UsageOutcome] = {
    **{reason: f"denied:{reason}" for reason in Reason},
    Reason.OK: ALLOWED,
    Reason.RATE_LIMITED: LIMITED,
}


class Decider:
    """Decides by one policy. Call `decide` from any thread."""

    def __init__(  # noqa: PLR0917 (the steps of a decision, in their order)
        self,
        apis: Sequence[ServedApi],
        no_api: Denials,
        identifier: Identifier,
        buckets: TokenBuckets,
        tally: Tally,
        count_usage: CountUsage,
        clocks: Clocks,
        log: CheckLog,
    ) -> None:
        self._router = Router(apis)
        self._no_api = no_api
        self._identifier = identifier
        self._buckets = buckets
        self._tally = tally
        self._count_usage = count_usage
        self._clocks = clocks
        self._log = log

    def decide(self, message: bytes, deadline: float) -> bytes | Pending:
        """The serialised CheckResponse, or a Pending that makes it. `deadline` in monotonic seconds."""
        started = self._clocks.monotonic()
        request = request_reader.read(message)
        if request is None or self._router.refuses(request):
            return self._refuse_unrouted(Reason.BAD_REQUEST, request, started)
        api = self._router.find(request)
        if api is None:
            return self._refuse_unrouted(Reason.NO_POLICY, request, started)
        check = Check(api, request, started, deadline)
        step = self._identifier.identify(check, self._authorize)
        if isinstance(step, Wait):
            return self._pending(check, step)
        self._count(check, step)
        return step[1]

    def unavailable(self, message: bytes) -> bytes:
        """The answer when a check cannot even begin."""
        return self._refuse_unrouted(Reason.UNAVAILABLE, request_reader.read(message), self._clocks.monotonic())

    def untrusted(self, message: bytes) -> bytes:
        """The answer to whoever is not our Envoy. Nothing is looked up: it must not learn which keys there are."""
        request = request_reader.read(message)
        return self._refuse_unrouted(Reason.UNTRUSTED_PROXY, request, self._clocks.monotonic())

    def _pending(self, check: Check, first: Wait) -> Pending:
        # Apart from `decide`: a function that makes functions costs time, even when it makes none.
        return Pending(first, lambda: refuse(check, Reason.UNAVAILABLE), lambda verdict: self._count(check, verdict))

    def _authorize(self, check: Check, grant: Grant) -> Step:
        if not check.api.tenant.admits(check.request, grant.caller.tenant):
            return refuse(check, Reason.WRONG_TENANT)
        if not check.api.permits.admits(check.request, grant.scopes):
            return refuse(check, Reason.MISSING_SCOPE)
        draw = grant.draw or self._draw(check, grant)
        if draw is None or not draw.buckets:
            return refuse(check, Reason.UNAVAILABLE) if draw is None else let_pass(check, grant.response)
        taken = self._buckets.take(draw, check.started)
        if taken is not None:
            check.leased = self._tally.leased(check.api.name, draw)
            return let_pass(check, grant.response + check.api.rate_headers.of_leases(draw, taken))
        refused = self._buckets.refused(draw, check.started)
        if refused is not None:
            return self._limit(check, grant, draw, refused)
        return self._wait_for_buckets(check, grant, draw)

    def _wait_for_buckets(self, check: Check, grant: Grant, draw: Draw) -> Wait:
        return Wait(lambda go_on: self._spend(check, grant, draw, go_on))

    def _draw(self, check: Check, grant: Grant) -> Draw | None:
        """Of limits that look at the request; None when one cannot be counted."""
        return None if grant.draws is None else grant.draws.of(check.request, self._buckets.wall())

    def _spend(self, check: Check, grant: Grant, draw: Draw, go_on: Callable[[Step], None]) -> None:
        check.asked_redis = True
        is_local = check.api.outage.limits == "local"
        away = None if is_local else lambda: go_on(self._without_buckets(check, grant, draw))
        self._buckets.ask(draw, check.deadline, lambda found: go_on(self._limit(check, grant, draw, found)), away)

    def _without_buckets(self, check: Check, grant: Grant, draw: Draw) -> Verdict:
        """What the API's `outage` says of limits, other than `local`, now that Redis has not answered."""
        if check.api.outage.limits == "error":
            return refuse(check, Reason.UNAVAILABLE)
        self._tally.unlimited(check.api.name, draw)
        return let_pass(check, grant.response)

    def _limit(self, check: Check, grant: Grant, draw: Draw, found: Answer) -> Verdict:
        self._tally.spends(check.api.name, found)
        headers = check.api.rate_headers
        status = status_of(found.buckets, found.levels, self._buckets.wall(), headers.jitter)
        if status.limited:
            return refuse(check, Reason.RATE_LIMITED, status, headers.of_refusal(draw, status))
        return let_pass(check, grant.response + headers.of_status(draw, status))

    def _count(self, check: Check, verdict: Verdict) -> None:
        seconds = self._clocks.monotonic() - check.started
        reason, _ = verdict
        api, grant = check.api.name, check.grant
        with lock:  # once for all that is counted
            self._tally.check(api, reason, seconds, check)
            if grant is not None:
                self._count_usage(grant.caller.bucket, grant.caller.bucket_tenant, api, _USAGE[reason])
        if self._log.wants(reason):
            self._log.tell(check, reason, seconds)

    def _refuse_unrouted(self, reason: Reason, request: Request | None, started: float) -> bytes:
        seconds = self._clocks.monotonic() - started
        with lock:
            self._tally.check(NO_API, reason, seconds)
        if self._log.wants(reason):
            self._log.tell_unrouted(request, reason, seconds)
        values = {"method": request.method, "path": request.path, "endpoint": request.path} if request else {}
        return self._no_api.write(reason, grpc=request is not None and request.is_grpc, values=values)
