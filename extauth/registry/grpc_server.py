"""A stock gRPC server in front of KeyRegistry, with grpc.health.v1 and reflection."""

from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from extauth.registry.addresses import ListenError
from extauth.registry.grpc_keys import KeyCalls
from extauth.registry.watch import MAX_WATCHERS, SERVICE, WatchKeys
from extauth.tls.certificate import ServerCertificate
from extauth.tls.grpc_credentials import server_credentials

_DRAIN = 5.0
"""Seconds that open calls have to end."""
_SPARE_THREADS = 8
"""Beside the watchers': other calls, and refusals."""
_OPTIONS = [
    ("grpc.so_reuseport", 0),  # a second process on the port is told so
    ("grpc.keepalive_time_ms", 30_000),  # finds clients that went away without a word
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.max_receive_message_length", 64 * 1024),
]


class GrpcServer:
    """Bound when it is made; ListenError."""

    def __init__(self, watch: WatchKeys, keys: KeyCalls, address: str, tls: ServerCertificate | None = None) -> None:
        self._watch = watch
        self._health = health.HealthServicer()
        self._threads = ThreadPoolExecutor(MAX_WATCHERS + _SPARE_THREADS, thread_name_prefix="registry-grpc")
        self._server = grpc.server(
            self._threads, options=_OPTIONS, maximum_concurrent_rpcs=MAX_WATCHERS + _SPARE_THREADS
        )
        self._server.add_generic_rpc_handlers([watch.handler(), keys.handler()])
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection([SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME], self._server)
        self.address = self._bind(address, tls)

    def start(self) -> None:
        self._server.start()
        for service in ("", SERVICE):
            self._health.set(service, health_pb2.HealthCheckResponse.SERVING)

    def stop(self) -> None:
        """Say so to health checks, end the watchers, let other calls end, and return when the threads are gone."""
        self._health.enter_graceful_shutdown()
        self._watch.close()
        self._server.stop(_DRAIN).wait(2 * _DRAIN)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _bind(self, address: str, tls: ServerCertificate | None) -> str:
        target = f"[::]:{address.removeprefix('*:')}" if address.startswith("*:") else address
        try:
            if tls is None or address.startswith("unix:"):
                port = self._server.add_insecure_port(target)
            else:
                port = self._server.add_secure_port(target, server_credentials(tls))
        except RuntimeError:
            raise ListenError(address, "the address is in use or not of this machine") from None
        return address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"
