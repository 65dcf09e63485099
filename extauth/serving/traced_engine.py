"""The decision with a span for each check. An engine without spans has no trace of this, and does nothing for it."""

import threading
from collections.abc import Callable, Mapping, Sequence

from extauth.check import request as request_reader
from extauth.check.steps import Check
from extauth.check.tally import Tally
from extauth.policy.reasons import Reason
from extauth.policy.schema import Api
from extauth.policy.settings import SidecarSettings
from extauth.serving.engine import Engine, Parts
from extauth.serving.envoy_secret import Metadata
from extauth.serving.transport import PendingAnswer
from extauth.telemetry.sidecar_metrics import SidecarMetrics
from extauth.telemetry.tracing import CheckSpan, Tracing

_PARENT = ("traceparent", "tracestate")


class _OfThread(threading.local):
    """What is passed on within one thread."""

    metadata: Metadata = ()
    """Of the call that is decided next."""
    attributes: Mapping[str, str | bool] = {}
    """How the check ended that was counted last."""
    is_fault = False


class TracedTally(Tally):
    """Tells, beside counting: a check is counted on the thread that then hands its answer over, once for each check."""

    def __init__(self, metrics: SidecarMetrics, apis: Sequence[Api], of_thread: _OfThread) -> None:
        super().__init__(metrics, apis)
        self._of_thread = of_thread

    def check(self, api: str, reason: Reason, seconds: float, check: Check | None = None) -> None:
        super().check(api, reason, seconds, check)
        self._of_thread.is_fault = reason.is_ours
        self._of_thread.attributes = {
            "extauth.api": api,
            "extauth.reason": reason.value,
            "extauth.cache_hit": check is not None and check.lookup is not None,
            "extauth.asked_redis": check is not None and check.asked_redis,
            "extauth.limited": reason is Reason.RATE_LIMITED,
        }


class TracedEngine(Engine):
    """An engine whose checks are spans, if their request's trace is sampled."""

    def __init__(self, parts: Parts, settings: SidecarSettings, tracing: Tracing) -> None:
        self._tracing = tracing
        self._of_thread = _OfThread()
        super().__init__(parts, settings)

    def decide(self, message: bytes, deadline: float) -> bytes | PendingAnswer:
        metadata, self._of_thread.metadata = self._of_thread.metadata, ()
        span = self._tracing.begin(_parent_in(metadata) or _parent_of(message))
        if span is None:
            return super().decide(message, deadline)
        try:
            outcome = super().decide(message, deadline)
        except Exception:
            span.end({}, is_fault=True)
            raise
        if isinstance(outcome, bytes):
            self._end(span)
            return outcome
        return TracedPending(outcome, lambda: self._end(span))

    def told(self, metadata: Metadata) -> None:
        """Of the call that this thread will decide next. An Envoy that traces names its own span there."""
        self._of_thread.metadata = metadata

    def _tally(self, settings: SidecarSettings) -> Tally:
        return TracedTally(self._parts.metrics, settings.apis, self._of_thread)

    def _end(self, span: CheckSpan) -> None:
        span.end(self._of_thread.attributes, is_fault=self._of_thread.is_fault)


class TracedPending:
    """A pending answer that ends its span when it is handed over."""

    __slots__ = ("_end", "_pending")

    def __init__(self, pending: PendingAnswer, end: Callable[[], None]) -> None:
        self._pending = pending
        self._end = end

    def then(self, deliver: Callable[[bytes], None]) -> None:
        """As of any pending answer."""

        def end_and_deliver(answer: bytes) -> None:
            self._end()
            deliver(answer)

        self._pending.then(end_and_deliver)

    def expire(self) -> bytes | None:
        """As of any pending answer."""
        answer = self._pending.expire()
        if answer is not None:
            self._end()
        return answer


def _parent_in(metadata: Metadata) -> dict[str, str]:
    return {name: value for name, value in metadata if name in _PARENT and isinstance(value, str)}


def _parent_of(message: bytes) -> dict[str, str]:
    """The headers of the request that name its trace. The message is read once more, which only tracing pays for."""
    request = request_reader.read(message)
    if request is None:
        return {}
    return {name: request.headers[name] for name in _PARENT if name in request.headers}
