"""A gRPC server as one loop on grpcio's completion queue: no call is ever handed from one thread to another.

grpcio's own server takes four events a call, and passes each of them between threads. This loop takes three, and
handles them where it reads them. `grpc._cython.cygrpc` is private: grpcio promises nothing of it, so
transport_choice.py tries the loop before it is used. Two rules that are not obvious: an event, its tag and its call
must be dropped before the next poll, or the loop spins on a call that is gone; and a call must be ended with a status
even when its client has left, or it is never freed.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import grpc
from grpc._cython import cygrpc  # type: ignore[attr-defined] # private, and so without types

from extauth.telemetry.logs import logger

_log = logger(__name__)

Tag = Callable[[Any], None]
"""What the queue hands back with an event: how to go on."""
Open = Callable[["Call"], None]
"""Begins to serve a call of one method."""

_POSTED = 16  # requests that may arrive in one turn of the loop
_IDLE = 0.2  # seconds between looks at the stop flag
_OK = 0
_UNIMPLEMENTED = grpc.StatusCode.UNIMPLEMENTED.value[0]


class Call:
    """A call that is being served. Its methods may be called from any thread, each batch by one at a time."""

    __slots__ = ("_call", "_loop", "deadline")

    def __init__(self, call: Any, deadline: float, loop: "CompletionQueueServer") -> None:  # noqa: ANN401 (cygrpc's)
        self._call = call
        self._loop = loop
        self.deadline = deadline
        """Unix seconds; infinite when the client set none."""

    def receive(self, then: Callable[[bytes | None], None]) -> None:
        """Ask for the next message; None when there is none: half-closed, cancelled, or too large."""

        def received(event: Any) -> None:  # noqa: ANN401 (cygrpc's)
            then(event.batch_operations[0].message())

        self._start((cygrpc.ReceiveMessageOperation(0),), received)

    def answer(self, message: bytes) -> None:
        """Send the only message and end the call well."""
        self._start(
            (
                cygrpc.SendInitialMetadataOperation(None, 0),
                cygrpc.SendMessageOperation(message, 0),
                cygrpc.SendStatusFromServerOperation(None, _OK, b"", 0),
                cygrpc.ReceiveCloseOnServerOperation(0),
            ),
            _nothing,
        )

    def refuse(self, code: int, details: bytes) -> None:
        """End the call with a status and no message."""
        self._start(
            (
                cygrpc.SendInitialMetadataOperation(None, 0),
                cygrpc.SendStatusFromServerOperation(None, code, details, 0),
                cygrpc.ReceiveCloseOnServerOperation(0),
            ),
            _nothing,
        )

    def begin_stream(self, closed: Callable[[], None]) -> None:
        """Send headers, and be told when the call is over."""
        self._start((cygrpc.ReceiveCloseOnServerOperation(0),), lambda _event: closed())
        self._start((cygrpc.SendInitialMetadataOperation(None, 0),), _nothing)

    def send(self, message: bytes, sent: Callable[[], None]) -> None:
        """Send one message of a stream; the next one only after `sent`."""
        self._start((cygrpc.SendMessageOperation(message, 0),), lambda _event: sent())

    def end_stream(self, code: int) -> None:
        self._start((cygrpc.SendStatusFromServerOperation(None, code, b"", 0),), _nothing)

    def _start(self, operations: tuple[Any, ...], tag: Tag) -> None:
        self._loop.start_batch(self._call, operations, tag)


class CompletionQueueServer:
    """`add_port`, `start`, `stop`. Everything but `Call`'s methods runs on one thread."""

    def __init__(self, methods: Mapping[str, Open], options: tuple[tuple[str, int], ...]) -> None:
        self._methods = {method.encode(): open_call for method, open_call in methods.items()}
        self._queue = cygrpc.CompletionQueue()
        self._server = cygrpc.Server(options, False)
        self._server.register_completion_queue(self._queue)
        self._posted = 0
        self._timers: deque[tuple[float, Callable[[], None]]] = deque()
        self._stop_at: float | None = None
        self._batches = 0
        self._closed = False
        self._lock = threading.Lock()
        self._request_tag = self._on_request
        self._thread = threading.Thread(target=self._run, name="completion-queue", daemon=True)

    def add_port(self, target: str) -> int:
        """The port bound (1 for a unix socket); RuntimeError or 0 when it cannot be."""
        port: int = self._server.add_http2_port(target.encode())
        return port

    def start(self) -> None:
        self._server.start()
        self._thread.start()

    def stop(self, grace: float) -> None:
        """Take no new calls, and cancel those that have not ended after `grace` seconds."""
        self._stop_at = time.time() + grace
        self._thread.join(grace + 2)

    def at(self, moment: float, act: Callable[[], None]) -> None:
        """Call `act` on the loop at a moment (monotonic seconds), not much after it. Only from the loop.

        Moments are taken to come in the order in which they are asked for, as the ends of equal waits do.
        """
        self._timers.append((moment, act))

    def start_batch(self, call: Any, operations: tuple[Any, ...], tag: Tag) -> None:  # noqa: ANN401 (cygrpc's)
        """From any thread. After the end nothing happens: the queue is gone, and grpcio would end the process."""
        with self._lock:
            if not self._closed:
                self._batches += 1
                call.start_server_batch(operations, tag)

    def _run(self) -> None:
        for _ in range(_POSTED):
            self._post()
        while self._stop_at is None:
            self._turn(self._next_turn())
        self._shut_down(self._stop_at)

    def _turn(self, until: float) -> None:
        """Wait for one event and handle it."""
        event = self._queue.poll(until)
        tag = event.tag
        if tag is not None:
            try:
                tag(event)
            except Exception:  # noqa: BLE001 (one call's fault must not end the loop that all of them share)
                _log.exception("call_failed")
            if tag is not self._request_tag:
                with self._lock:
                    self._batches -= 1
        event = tag = None
        while self._timers and self._timers[0][0] <= time.monotonic():
            self._timers.popleft()[1]()

    def _next_turn(self) -> float:
        wait = min(max(self._timers[0][0] - time.monotonic(), 0), _IDLE) if self._timers else _IDLE
        return time.time() + wait

    def _post(self) -> None:
        self._posted += 1
        self._server.request_call(self._queue, self._queue, self._request_tag)

    def _on_request(self, event: Any) -> None:  # noqa: ANN401 (cygrpc's)
        self._posted -= 1
        if not event.success:
            return
        if self._stop_at is None:
            self._post()
        call = Call(event.call, event.call_details.deadline, self)
        open_call = self._methods.get(event.call_details.method)
        if open_call is None:
            call.refuse(_UNIMPLEMENTED, b"Method not found!")
        else:
            open_call(call)

    def _shut_down(self, stop_at: float) -> None:
        with self._lock:
            self._batches += 1
        self._server.shutdown(self._queue, _nothing)
        while not self._has_ended():
            if time.time() > stop_at:
                self._server.cancel_all_calls()
                stop_at = float("inf")
            self._turn(time.time() + _IDLE / 10)
        self._server.destroy()
        self._queue.shutdown()
        while self._queue.poll(time.time() + 1).completion_type != cygrpc.CompletionType.queue_shutdown:
            pass

    def _has_ended(self) -> bool:
        with self._lock:
            self._closed = self._batches == 0 and self._posted == 0
            return self._closed


def _nothing(_event: Any) -> None:  # noqa: ANN401 (cygrpc's)
    """A batch whose end needs no more than to be counted."""
