"""The transport on a loop of our own: see completion_queue.py."""

import time

from extauth.serving.completion_queue import Call, CompletionQueueServer
from extauth.serving.lean_services import Health, Reflection
from extauth.serving.sockets import bind, remove_socket
from extauth.serving.stock import CHANNEL_OPTIONS, FLUSH, LOOK, MARGIN
from extauth.serving.transport import CHECK_METHOD, CHECK_SERVICE, Handler, TransportOptions
from extauth.telemetry.logs import logger

_log = logger(__name__)
_NO_MESSAGE = 13  # INTERNAL


class LeanTransport:
    """Serves Check on one thread. The handler must not wait: what needs time is a pending answer."""

    def __init__(self, handler: Handler, options: TransportOptions) -> None:
        self._handler = handler
        self._options = options
        self._addresses: tuple[str, ...] = ()
        self._under_way: set[Call] = set()
        self._health = Health(("", CHECK_SERVICE))
        methods = {f"/{CHECK_SERVICE}/{CHECK_METHOD}": self._open, **self._health.methods, **Reflection().methods}
        channel_options = (*CHANNEL_OPTIONS, ("grpc.max_receive_message_length", options.max_message_size))
        self._server = CompletionQueueServer(methods, channel_options)

    def start(self) -> dict[str, str]:
        """Raises BindError."""
        port = self._server.add_port
        bound = {address: bind(port, address, self._options.socket_mode) for address in self._options.addresses}
        self._addresses = tuple(bound.values())
        self._server.start()
        return bound

    def drain(self) -> None:
        self._health.drain()

    def stop(self, grace: float) -> None:
        deadline = time.monotonic() + grace
        while self._under_way and time.monotonic() < deadline - grace / 2:
            time.sleep(LOOK)
        time.sleep(min(FLUSH, grace))
        self._health.end()
        self._server.stop(max(deadline - time.monotonic(), 0))
        for address in self._addresses:
            remove_socket(address)

    def _open(self, call: Call) -> None:
        self._under_way.add(call)
        wait = min(self._options.timeout, call.deadline - time.time() - MARGIN)
        deadline = time.monotonic() + wait
        call.receive(lambda message: self._decide(call, message, deadline))

    def _decide(self, call: Call, message: bytes | None, deadline: float) -> None:
        if message is None:
            self._under_way.discard(call)
            call.refuse(_NO_MESSAGE, b"no request message")
            return
        try:
            outcome = self._handler.decide(message, deadline)
        except Exception:  # noqa: BLE001 (an error status of the call could become an ALLOW: failure_mode_allow)
            _log.exception("check_failed")
            outcome = self._handler.unavailable(message)
        if isinstance(outcome, bytes):
            self._finish(call, outcome)
            return
        pending = outcome

        def expire() -> None:
            answer = pending.expire()
            if answer is not None:
                self._finish(call, answer)

        self._server.at(deadline, expire)
        pending.then(lambda answer: self._finish(call, answer))

    def _finish(self, call: Call, answer: bytes) -> None:
        call.answer(answer)
        self._under_way.discard(call)
