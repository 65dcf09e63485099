"""grpc.health.v1 and server reflection for the loop of completion_queue.py."""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from extauth.serving.completion_queue import Call, Open
from extauth.serving.transport import CHECK_SERVICE

_HEALTH = "grpc.health.v1.Health"
_Status = health_pb2.HealthCheckResponse
_NO_CONTEXT: Any = None  # the servicer does not use it


def _code(status: grpc.StatusCode) -> int:
    code: int = status.value[0]
    return code


class _Stream:
    """A call that sends several messages, one after the other."""

    def __init__(self, call: Call, closed: Callable[["_Stream"], None]) -> None:
        self._call = call
        self._closed = closed
        self._unsent: deque[bytes] = deque()
        self._sending = False
        self._end: int | None = None
        self._over = False
        self._lock = threading.Lock()
        call.begin_stream(self._on_closed)

    def send(self, message: bytes) -> None:
        with self._lock:
            self._unsent.append(message)
        self._go_on()

    def end(self, status: grpc.StatusCode) -> None:
        """End the call after what was sent before."""
        with self._lock:
            self._end = _code(status) if self._end is None else self._end
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
            self._call.send(message, self._on_sent)
        elif end is not None:
            self._call.end_stream(end)

    def _on_sent(self) -> None:
        with self._lock:
            self._sending = False
        self._go_on()

    def _on_closed(self) -> None:
        self._closed(self)
        self.end(grpc.StatusCode.CANCELLED)  # a no-op on the wire, without which the call is never freed


class Health:
    """SERVING for each of `services` until `drain`."""

    def __init__(self, services: Sequence[str]) -> None:
        self._services = frozenset(services)
        self._draining = False
        self._watchers: dict[_Stream, str] = {}
        self._lock = threading.Lock()
        self.methods: Mapping[str, Open] = {
            f"/{_HEALTH}/Check": self._open_check,
            f"/{_HEALTH}/Watch": self._open_watch,
        }

    def drain(self) -> None:
        """NOT_SERVING from now on, also for those who watch."""
        with self._lock:
            self._draining = True
            watchers = dict(self._watchers)
        for stream, service in watchers.items():
            stream.send(self._status(service))

    def end(self) -> None:
        """Let the watchers go."""
        with self._lock:
            watchers = list(self._watchers)
        for stream in watchers:
            stream.end(grpc.StatusCode.UNAVAILABLE)

    def _open_check(self, call: Call) -> None:
        def answer(message: bytes | None) -> None:
            service = _service_in(message)
            if service is None:
                call.refuse(_code(grpc.StatusCode.INTERNAL), b"no request message")
            elif service not in self._services:
                call.refuse(_code(grpc.StatusCode.NOT_FOUND), b"unknown service")
            else:
                call.answer(self._status(service))

        call.receive(answer)

    def _open_watch(self, call: Call) -> None:
        def watch(message: bytes | None) -> None:
            service = _service_in(message)
            if service is None:
                call.refuse(_code(grpc.StatusCode.INTERNAL), b"no request message")
                return
            stream = _Stream(call, self._forget)
            with self._lock:
                self._watchers[stream] = service
            stream.send(self._status(service))

        call.receive(watch)

    def _forget(self, stream: _Stream) -> None:
        with self._lock:
            self._watchers.pop(stream, None)

    def _status(self, service: str) -> bytes:
        if service not in self._services:
            return _Status(status=_Status.SERVICE_UNKNOWN).SerializeToString()
        return _Status(status=_Status.NOT_SERVING if self._draining else _Status.SERVING).SerializeToString()


def _service_in(message: bytes | None) -> str | None:
    try:
        return None if message is None else health_pb2.HealthCheckRequest.FromString(message).service
    except DecodeError:
        return None


class Reflection:
    """Answers each question of a stream, by grpcio-reflection's own servicer."""

    def __init__(self) -> None:
        self._servicer = reflection.ReflectionServicer((CHECK_SERVICE, _HEALTH, reflection.SERVICE_NAME))
        self.methods: Mapping[str, Open] = {f"/{reflection.SERVICE_NAME}/ServerReflectionInfo": self._open}

    def _open(self, call: Call) -> None:
        stream = _Stream(call, lambda _stream: None)

        def answer(message: bytes | None) -> None:
            if message is None:
                stream.end(grpc.StatusCode.OK)
                return
            request = reflection_pb2.ServerReflectionRequest.FromString(message)
            for response in self._servicer.ServerReflectionInfo(iter([request]), _NO_CONTEXT):
                stream.send(response.SerializeToString())
            call.receive(answer)

        call.receive(answer)
