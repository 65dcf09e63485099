"""A call that sends several messages, one after the other."""

import threading
from collections import deque
from collections.abc import Callable

import grpc

from extauth.serving.call import Call, code
from extauth.serving.timers import Act


class Stream:
    """`send` and `end` from any thread; `closed` is called once, on the loop, when the call is over."""

    def __init__(self, call: Call, closed: Callable[["Stream"], None]) -> None:
        self._call = call
        self._closed = closed
        self._unsent: deque[tuple[bytes, Act]] = deque()
        self._sending = False
        self._end: int | None = None
        self._over = False
        self._lock = threading.Lock()
        call.begin_stream(self._on_closed)

    def send(self, message: bytes, sent: Act = lambda: None) -> None:
        """`sent` is called on the loop when the client has taken what came before."""
        with self._lock:
            self._unsent.append((message, sent))
        self._go_on()

    def end(self, status: grpc.StatusCode) -> None:
        """End the call after what was sent before."""
        with self._lock:
            self._end = code(status) if self._end is None else self._end
        self._go_on()

    def _go_on(self) -> None:
        with self._lock:
            if self._sending or self._over:
                return
            message = self._unsent.popleft() if self._unsent else None
            self._sending = message is not None
            self._over = message is None and self._end is not None
            end = self._end if self._over else None
        if message is not None:
            self._call.send(message[0], lambda: self._on_sent(message[1]))
        elif end is not None:
            self._call.end_stream(end)

    def _on_sent(self, sent: Act) -> None:
        with self._lock:
            self._sending = False
        self._go_on()
        sent()

    def _on_closed(self) -> None:
        self._closed(self)
        self.end(grpc.StatusCode.CANCELLED)  # a no-op on the wire, without which the call is never freed
