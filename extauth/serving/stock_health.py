"""grpc.health.v1 for grpcio's own server.

grpcio-health-checking has a servicer, which holds a lock while it waits for a watcher to take a status: when that
watcher leaves at this moment, its server never answers anybody again (https://github.com/grpc/grpc/pull/43403).
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

_Status = health_pb2.HealthCheckResponse
_Send = Callable[[health_pb2.HealthCheckResponse | None], None]
"""Sends a status to a watcher; None ends the stream. Waits until it is sent."""


class StockHealth(health_pb2_grpc.HealthServicer):
    """SERVING for each of `services` until `drain`."""

    def __init__(self, services: Sequence[str]) -> None:
        self._services = frozenset(services)
        self._draining = False
        self._watchers: dict[_Send, str] = {}
        self._lock = threading.Lock()

    def drain(self) -> None:
        """NOT_SERVING from now on, also for those who watch."""
        with self._lock:
            self._draining = True
            watchers = dict(self._watchers)
        for send, service in watchers.items():  # a watcher that takes nothing keeps nobody waiting
            threading.Thread(target=send, args=[self._status(service)], name="health-watcher", daemon=True).start()

    def Check(  # noqa: N802 (the method's name)
        self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext
    ) -> health_pb2.HealthCheckResponse:
        if request.service not in self._services:
            context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return self._status(request.service)

    def List(self, _request: Any, _context: grpc.ServicerContext) -> Any:  # noqa: ANN401, N802 (untyped yet; as above)
        statuses = {service: self._status(service) for service in self._services}
        return health_pb2.HealthListResponse(statuses=statuses)  # type: ignore[attr-defined] # newer than its types

    def Watch(self, request: Any, context: Any, send_response_callback: Any = None) -> None:  # noqa: ANN401, N802 (as above)
        """With `experimental_non_blocking` it is given a callback, and a watcher takes no thread."""
        with self._lock:
            self._watchers[send_response_callback] = request.service
        if context.add_callback(lambda: self._forget(send_response_callback)):
            send_response_callback(self._status(request.service))
        else:  # it has left
            self._forget(send_response_callback)

    Watch.experimental_non_blocking = True  # type: ignore[attr-defined] # read by grpcio's server

    def _forget(self, send: _Send) -> None:
        with self._lock:
            self._watchers.pop(send, None)

    def _status(self, service: str) -> health_pb2.HealthCheckResponse:
        if service not in self._services:
            return _Status(status=_Status.SERVICE_UNKNOWN)
        return _Status(status=_Status.NOT_SERVING if self._draining else _Status.SERVING)
