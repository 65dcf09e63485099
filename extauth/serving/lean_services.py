"""grpc.health.v1 and server reflection for the loop of completion_queue.py."""

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from extauth.serving.call import INTERNAL, Call, code
from extauth.serving.completion_queue import Open
from extauth.serving.lean_stream import Stream
from extauth.serving.transport import CHECK_SERVICE

_HEALTH = "grpc.health.v1.Health"
_NOT_FOUND = code(grpc.StatusCode.NOT_FOUND)
_Status = health_pb2.HealthCheckResponse
HAS_LIST = hasattr(health_pb2, "HealthListResponse")  # from grpcio-health-checking 1.85
_NO_CONTEXT: Any = None  # the servicer does not use it

_Answer = Callable[[Call, str], None]
"""Answers a call about the service of this name."""

Answer = Callable[[Call, str], None]
"""Answers a call about a service of this name."""


class Health:
    """SERVING for each of `services` until `drain`."""

    def __init__(self, services: Sequence[str]) -> None:
        self._services = frozenset(services)
        self._draining = False
        self._watchers: dict[Stream, str] = {}
        self._lock = threading.Lock()
        self.methods: Mapping[str, Open] = {
            f"/{_HEALTH}/Check": partial(_receive_service, self._check),
            f"/{_HEALTH}/Watch": partial(_receive_service, self._watch),
            **({f"/{_HEALTH}/List": partial(_receive_service, self._list)} if HAS_LIST else {}),
        }

    def drain(self) -> None:
        """NOT_SERVING from now on, also for those who watch."""
        with self._lock:
            self._draining = True
            watchers = dict(self._watchers)
        for stream, service in watchers.items():
            stream.send(self._status(service).SerializeToString())

    def end(self) -> None:
        """Let the watchers go."""
        with self._lock:
            watchers = list(self._watchers)
        for stream in watchers:
            stream.end(grpc.StatusCode.UNAVAILABLE)

    def _check(self, call: Call, service: str) -> None:
        if service in self._services:
            call.answer(self._status(service).SerializeToString())
        else:
            call.refuse(_NOT_FOUND, b"unknown service")

    def _list(self, call: Call, _nothing: str) -> None:
        statuses = {service: self._status(service) for service in self._services}
        response = health_pb2.HealthListResponse(statuses=statuses)  # type: ignore[attr-defined] # its types are older
        call.answer(response.SerializeToString())

    def _watch(self, call: Call, service: str) -> None:
        stream = Stream(call, self._forget)
        with self._lock:
            self._watchers[stream] = service
        stream.send(self._status(service).SerializeToString())

    def _forget(self, stream: Stream) -> None:
        with self._lock:
            self._watchers.pop(stream, None)

    def _status(self, service: str) -> health_pb2.HealthCheckResponse:
        if service not in self._services:
            return _Status(status=_Status.SERVICE_UNKNOWN)
        return _Status(status=_Status.NOT_SERVING if self._draining else _Status.SERVING)


def _receive_service(answer: _Answer, call: Call) -> None:
    """Read the service asked for; a HealthListRequest has no fields, and so reads as the one called ''."""

    def go_on(message: bytes | None) -> None:
        if message is None:
            call.refuse_without_message()
            return
        try:
            service = health_pb2.HealthCheckRequest.FromString(message).service
        except DecodeError:
            call.refuse(INTERNAL, b"unreadable request message")
        else:
            answer(call, service)

    call.receive(go_on)


class Reflection:
    """Answers each question of a stream, by grpcio-reflection's own servicer."""

    def __init__(self) -> None:
        self._servicer = reflection.ReflectionServicer((CHECK_SERVICE, _HEALTH, reflection.SERVICE_NAME))
        self.methods: Mapping[str, Open] = {f"/{reflection.SERVICE_NAME}/ServerReflectionInfo": self._open}

    def _open(self, call: Call) -> None:
        stream = Stream(call, lambda _stream: None)

        def answer(message: bytes | None) -> None:
            if message is None:
                stream.end(grpc.StatusCode.OK)
                return
            try:
                request = reflection_pb2.ServerReflectionRequest.FromString(message)
            except DecodeError:
                stream.end(grpc.StatusCode.INTERNAL)
                return
            # One answer a question; the next question is read when the client has taken this one, as it may never do.
            (response,) = self._servicer.ServerReflectionInfo(iter([request]), _NO_CONTEXT)
            stream.send(response.SerializeToString(), lambda: call.receive(answer))

        call.receive(answer)
