"""The transport on a loop of our own: see completion_queue.py."""

import time
from functools import partial

from extauth.check.shedding import Shed
from extauth.serving.call import INTERNAL, Call
from extauth.serving.channel_options import channel_options
from extauth.serving.completion_queue import CompletionQueueServer, end_process
from extauth.serving.deadline import LEAST, LEAST_SHARE, time_to_decide
from extauth.serving.last_calls import let_calls_end
from extauth.serving.lean_services import Health, Reflection
from extauth.serving.sockets import Listeners
from extauth.serving.timers import Act
from extauth.serving.transport import CHECK_METHOD, CHECK_SERVICE, Handler, PendingAnswer, TransportOptions
from extauth.telemetry.logs import logger
from extauth.tls.grpc_credentials import server_credentials

_log = logger(__name__)


class LeanTransport:
    """Serves Check on one thread. The handler must not wait: what needs time is a pending answer.

    `died` is called when that thread cannot go on.
    """

    def __init__(self, handler: Handler, options: TransportOptions, died: Act = end_process) -> None:
        self._handler = handler
        self._options = options
        self._least = min(LEAST, options.timeout * LEAST_SHARE)
        self._listeners = Listeners(options.addresses, options.socket_mode, options.claim)
        self._opened = 0  # both are the loop's own
        self._ended = 0
        self._waiting = 0  # calls with a pending answer; the loop's own too
        self._health = Health(("", CHECK_SERVICE))
        methods = {f"/{CHECK_SERVICE}/{CHECK_METHOD}": self._open, **self._health.methods, **Reflection().methods}
        self._server = CompletionQueueServer(methods, channel_options(options), died)

    def start(self) -> dict[str, str]:
        """Raises BindError."""
        credentials = None if self._options.tls is None else server_credentials(self._options.tls)
        bound = self._listeners.bind(self._server.add_port, partial(self._server.add_port, credentials=credentials))
        self._server.start()
        return bound

    @property
    def is_running(self) -> bool:
        """Whether its loop has begun and not ended."""
        return self._server.is_running

    @property
    def waiting(self) -> int:
        """Calls whose answer is being made elsewhere, or is on its way to a client that has not taken it."""
        return self._waiting

    def drain(self) -> None:
        self._health.drain()

    def stop(self, grace: float) -> None:
        deadline = time.monotonic() + grace
        let_calls_end(lambda: self._opened != self._ended, self._options.timeout, grace)
        self._health.end()
        self._server.stop(max(deadline - time.monotonic(), 0))
        self._listeners.remove_sockets()

    def _open(self, call: Call) -> None:
        self._opened += 1
        call.ended = self._count_ended
        call.receive(partial(self._decide, call))

    def _count_ended(self, _event: object) -> None:
        self._ended += 1

    def _count_waited(self, _event: object) -> None:
        self._ended += 1
        self._waiting -= 1

    def _decide(self, call: Call, message: bytes | None) -> None:
        if message is None:
            call.refuse_without_message()
            return
        now = time.monotonic()
        wait = time_to_decide(call.deadline - now, self._options.timeout)
        deadline = now + wait
        try:
            outcome = self._outcome(call, message, deadline) if wait >= self._least else self._shed(message, Shed.LATE)
        except Exception:  # noqa: BLE001 (an error status of the call could become an ALLOW: failure_mode_allow)
            _log.exception("check_failed")
            self._fail(call, message)
            return
        if isinstance(outcome, bytes):
            call.answer(outcome)
            return
        self._waiting += 1
        call.ended = self._count_waited
        awaited = _Awaited(call, outcome, partial(self._fail, call, message))
        self._server.at(deadline, awaited.expire)
        awaited.begin()

    def _outcome(self, call: Call, message: bytes, deadline: float) -> bytes | PendingAnswer:
        secret = self._options.secret
        if secret is not None and not secret.is_in(call.metadata):
            return self._handler.untrusted(message)
        outcome = self._handler.decide(message, deadline)
        if isinstance(outcome, bytes) or self._waiting < self._options.max_pending:
            return outcome
        return self._shed(message, Shed.FULL)

    def _shed(self, message: bytes, cause: Shed) -> bytes:
        return self._handler.overloaded(message, cause)

    def _fail(self, call: Call, message: bytes) -> None:
        try:
            answer = self._handler.unavailable(message)
        except Exception:  # noqa: BLE001 (it must be ended, whatever happened)
            _log.exception("check_failed")
            call.refuse(INTERNAL, b"")
        else:
            call.answer(answer)


class _Awaited:
    """A call whose answer is made elsewhere. After that all is let go of: the timer itself stays until its time."""

    __slots__ = ("_call", "_fail", "_pending")

    def __init__(self, call: Call, pending: PendingAnswer, fail: Act) -> None:
        self._call: Call | None = call
        self._pending: PendingAnswer | None = pending
        self._fail: Act | None = fail

    def begin(self) -> None:
        assert self._pending is not None
        try:
            self._pending.then(self._deliver)
        except Exception:  # noqa: BLE001 (as above)
            _log.exception("check_failed")
            self.expire()

    def expire(self) -> None:
        pending, fail = self._pending, self._fail
        if pending is None or fail is None:
            return
        try:
            answer = pending.expire()
        except Exception:  # noqa: BLE001 (as above)
            _log.exception("check_failed")
            self._take()
            fail()
        else:
            if answer is not None:
                self._deliver(answer)

    def _deliver(self, answer: bytes) -> None:
        call = self._take()
        if call is not None:
            call.answer(answer)

    def _take(self) -> Call | None:
        call, self._call, self._pending, self._fail = self._call, None, None, None
        return call
