"""A gRPC server as one loop on grpcio's completion queue: no call is ever handed from one thread to another.

grpcio's own server takes four events a call, and passes each of them between threads. This loop takes three, and
handles them where it reads them. `grpc._cython.cygrpc` is private: grpcio promises nothing of it. private_names.py
lists what is used, and transport_choice.py tries the loop before it serves. A rule that is not obvious: an event, its
tag and its call must be dropped before the next poll, or the loop spins on a call that is gone.
"""

import signal
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import grpc
from grpc._cython import cygrpc  # type: ignore[attr-defined] # private, and so without types

from extauth.serving.call import Call, Tag, code, nothing
from extauth.serving.timers import Act, Timers
from extauth.telemetry.logs import logger

_log = logger(__name__)

Open = Callable[[Call], None]
"""Begins to serve a call of one method."""

LOOP = "completion-queue"
"""The thread's name."""

_POSTED = 16  # requests that may arrive in one turn of the loop
_TIMERS_A_TURN = 16  # so that a thousand checks that expire together do not keep new ones waiting
_BETWEEN_READS = 0.005  # seconds
_IDLE = 0.2  # seconds between looks at the stop flag
_QUIET = 0.05  # seconds to wait, before the end, for a moment in which nothing comes
_CALL_OK = 0  # of grpc_call_error


_UNIMPLEMENTED = code(grpc.StatusCode.UNIMPLEMENTED)


def end_process() -> None:
    """A process whose loop has died looks healthy and answers nobody: better that it is started anew."""
    signal.raise_signal(signal.SIGTERM)


class CompletionQueueServer:
    """`add_port`, `start`, `stop`. Everything but `Call`'s methods runs on one thread."""

    def __init__(
        self, methods: Mapping[str, Open], options: tuple[tuple[str, int], ...], died: Act = end_process
    ) -> None:
        self._methods = {method.encode(): open_call for method, open_call in methods.items()}
        self._queue = cygrpc.CompletionQueue()
        self._reader = cygrpc.CompletionQueue()  # with no event ever: to wait on it is to read sockets
        self._server = cygrpc.Server(options, False)
        self._server.register_completion_queue(self._queue)
        self._died = died
        self._timers = Timers()
        self._read_at = 0.0
        self._stop_at: float | None = None
        self._taking = True
        self._posted = 0  # requests asked for that have not come
        self._started = 0  # batches, from any thread
        self._finished = 0  # batches whose event was taken; the loop's own
        self._closed = False
        self._lock = threading.Lock()  # of _started and _closed: none starts after the queue is gone
        self._request_tag = self._on_request
        self._thread = threading.Thread(target=self._run, name=LOOP, daemon=True)

    def add_port(self, target: str, credentials: grpc.ServerCredentials | None = None) -> int:
        """The port bound (1 for a unix socket), with TLS by `credentials`; RuntimeError or 0 when it cannot be."""
        private: Any = credentials
        secured = () if credentials is None else (private._credentials,)  # noqa: SLF001 (cygrpc's own are in it)
        port: int = self._server.add_http2_port(target.encode(), *secured)
        return port

    def start(self) -> None:
        self._server.start()
        self._thread.start()

    def stop(self, grace: float) -> None:
        """Take no new calls, and cancel those that have not ended after `grace` seconds."""
        self._stop_at = time.time() + grace
        if self.is_running:
            self._thread.join(grace + 2)

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def at(self, moment: float, act: Act) -> None:
        """Call `act` on the loop at a moment (monotonic seconds), not much after it. Only from the loop."""
        self._timers.at(moment, act)

    def _start_batch(self, call: Any, operations: tuple[Any, ...], tag: Tag) -> None:  # noqa: ANN401 (cygrpc's)
        """From any thread. After the end nothing happens: the queue is gone, and grpcio would end the process."""
        with self._lock:
            if self._closed:
                return
            self._started += 1
        error = None
        try:
            error = call.start_server_batch(operations, tag)
        finally:
            if error != _CALL_OK:  # no event will come
                with self._lock:
                    self._started -= 1
        if error != _CALL_OK:
            _log.error("batch_refused", grpc_call_error=error)

    def _run(self) -> None:
        try:
            for _ in range(_POSTED):
                self._post()
            while self._stop_at is None:
                self._turn(self._next_turn())
            self._shut_down(self._stop_at)
        except Exception:  # noqa: BLE001 (whatever a private API may have turned into)
            _log.exception("completion_queue_died")
            self._died()

    def _turn(self, until: float) -> bool:
        """Wait for an event and handle it, then timers that are due; whether there was an event."""
        event = self._queue.poll(until)
        tag = event.tag
        if tag is not None:
            if tag is not self._request_tag:
                self._finished += 1
            try:
                tag(event)
            except Exception:  # noqa: BLE001 (one call's fault must not end the loop that all of them share)
                _log.exception("call_failed")
        event = None
        if self._timers:
            self._act_in_time()
        return tag is not None

    def _act_in_time(self) -> None:
        now = time.monotonic()
        for _ in range(_TIMERS_A_TURN):
            act = self._timers.take_due(now)
            if act is None:
                return
            try:
                act()
            except Exception:  # noqa: BLE001 (as above)
                _log.exception("call_failed")

    def _next_turn(self) -> float:
        now = time.monotonic()  # the wall clock may jump back
        if now >= self._read_at:
            self._read(now)
        wait = min(max(self._timers.next() - now, 0), _IDLE) if self._timers else _IDLE
        return time.time() + wait

    def _read(self, now: float) -> None:
        """Read sockets, without waiting.

        Where no thread of grpcio's does that, it is done only when no event is left. Under more load than the loop can
        take that would be never: calls would grow old in the sockets, their deadlines not yet running, and those that
        clients have given up would be served.
        """
        self._read_at = now + _BETWEEN_READS
        self._reader.poll(0)

    def _post(self) -> None:
        self._server.request_call(self._queue, self._queue, self._request_tag)
        self._posted += 1

    def _on_request(self, event: Any) -> None:  # noqa: ANN401 (cygrpc's)
        self._posted -= 1
        if not event.success:
            return
        if self._taking:
            self._post()
        # gRPC tells the deadline by the wall clock, which may jump before the message is there.
        deadline = event.call_details.deadline - time.time() + time.monotonic()
        call = Call(event.call, deadline, event.invocation_metadata, self._start_batch)
        open_call = self._methods.get(event.call_details.method)
        if open_call is None:
            call.refuse(_UNIMPLEMENTED, b"Method not found!")
        else:
            open_call(call)

    def _shut_down(self, stop_at: float) -> None:
        quiet_by = min(time.time() + _QUIET, stop_at)
        while self._turn(time.time()) and time.time() < quiet_by:
            """What has come in already is served; grpcio would cancel it."""
        self._taking = False
        with self._lock:
            self._started += 1
        self._server.shutdown(self._queue, nothing)
        while not self._has_ended():
            if time.time() > stop_at:
                self._server.cancel_all_calls()
                stop_at = float("inf")
            self._turn(time.time() + _IDLE / 10)
        self._server.destroy()
        for queue in (self._queue, self._reader):
            queue.shutdown()
            while queue.poll(time.time() + 1).completion_type != cygrpc.CompletionType.queue_shutdown:
                pass

    def _has_ended(self) -> bool:
        with self._lock:
            self._closed = self._started == self._finished and self._posted == 0
            return self._closed
