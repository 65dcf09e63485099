"""The transport on grpcio's own server: a pool of threads, public API only."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from extauth.check.shedding import Shed
from extauth.serving.channel_options import channel_options
from extauth.serving.deadline import LEAST, LEAST_SHARE, time_to_decide
from extauth.serving.last_calls import let_calls_end
from extauth.serving.sockets import AddPort, Listeners
from extauth.serving.stock_health import StockHealth
from extauth.serving.transport import CHECK_METHOD, CHECK_SERVICE, Handler, PendingAnswer, TransportOptions
from extauth.telemetry.logs import logger
from extauth.tls.grpc_credentials import server_credentials
from extauth.wire.envoy.service.auth.v3 import external_auth_pb2

_log = logger(__name__)

_DELIVERY = 1.0  # seconds; far longer than handing over bytes takes


class StockTransport:
    """Serves Check with grpc.server."""

    def __init__(self, handler: Handler, options: TransportOptions) -> None:
        self._handler = handler
        self._options = options
        self._least = min(LEAST, options.timeout * LEAST_SHARE)
        self._health = StockHealth(("", CHECK_SERVICE))
        self._listeners = Listeners(options.addresses, options.socket_mode, options.claim)
        self._under_way: set[grpc.ServicerContext] = set()
        self._pool = ThreadPoolExecutor(options.threads, thread_name_prefix="check")
        self._server = grpc.server(self._pool, options=channel_options(options))
        check: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(
            self._check
        )  # no (de)serialisers: bytes in, bytes out
        self._server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler(CHECK_SERVICE, {CHECK_METHOD: check})]
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        check_service = external_auth_pb2.DESCRIPTOR.services_by_name["Authorization"].full_name
        names = (check_service, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server)

    def start(self) -> dict[str, str]:
        """Raises BindError."""
        bound = self._listeners.bind(self._server.add_insecure_port, self._add_secure_port())
        self._server.start()
        return bound

    @property
    def waiting(self) -> int:
        """Calls that a thread works on."""
        return len(self._under_way)

    def drain(self) -> None:
        self._health.drain()

    def stop(self, grace: float) -> None:
        deadline = time.monotonic() + grace
        let_calls_end(lambda: bool(self._under_way), self._options.timeout, grace)
        rest = max(deadline - time.monotonic(), 0)
        self._server.stop(rest).wait(rest + 1)
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._listeners.remove_sockets()

    def _add_secure_port(self) -> AddPort | None:
        if self._options.tls is None:
            return None
        credentials = server_credentials(self._options.tls)
        return lambda target: self._server.add_secure_port(target, credentials)

    def _check(self, message: bytes, context: grpc.ServicerContext) -> bytes:
        self._under_way.add(context)
        try:
            return self._answer(message, context)
        finally:
            self._under_way.discard(context)

    def _answer(self, message: bytes, context: grpc.ServicerContext) -> bytes:
        wait = time_to_decide(context.time_remaining(), self._options.timeout)
        secret = self._options.secret
        try:
            if secret is not None and not secret.is_in(context.invocation_metadata()):
                return self._handler.untrusted(message)
            if wait < self._least:
                return self._handler.overloaded(message, Shed.LATE)
            outcome = self._handler.decide(message, time.monotonic() + wait)
            return outcome if isinstance(outcome, bytes) else _wait_for(outcome, wait)
        except Exception:  # noqa: BLE001 (an error status of the call could become an ALLOW: failure_mode_allow)
            _log.exception("check_failed")
            return self._handler.unavailable(message)


def _wait_for(pending: PendingAnswer, wait: float) -> bytes:
    delivered = threading.Event()
    answers: list[bytes] = []

    def deliver(answer: bytes) -> None:
        answers.append(answer)
        delivered.set()

    pending.then(deliver)
    if not delivered.wait(wait) and (expired := pending.expire()) is not None:
        return expired
    delivered.wait(_DELIVERY)  # it is being delivered at this moment
    return answers[0]
