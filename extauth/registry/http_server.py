"""An ASGI application behind uvicorn, in a thread of its own and without signal handlers."""

import asyncio
import threading
import time
from http import HTTPStatus

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from extauth.registry.addresses import ListenError, listen
from extauth.registry.rest.problems import problem
from extauth.registry.rest.security_headers import SecurityHeaders
from extauth.telemetry.logs import logger
from extauth.tls.certificate import ServerCertificate

_START_DEADLINE = 10.0
_HEAD_DEADLINE = 10.0
"""Seconds for the head of a request to arrive."""
_DRAIN = 5
"""Seconds that open requests have to end."""
_MOST_CONNECTIONS = 256
"""Requests on one more are answered 503."""

_log = logger(__name__)
_crowded = SecurityHeaders(
    problem(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections: try again", headers={"retry-after": "1"})
)


class _Protocol(H11Protocol):
    """uvicorn's, with a deadline for the head of a request, and with problems for what is no HTTP or too much."""

    _head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in the base class
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        if self._head is None and (self.cycle is None or self.cycle.response_complete):
            self._await_head()
        self.app = self._app_now()
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._forget_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_head()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        answer = problem(HTTPStatus.BAD_REQUEST, msg)
        headers = [*answer.raw_headers, (b"connection", b"close")]
        head = h11.Response(status_code=answer.status_code, headers=headers, reason=b"Bad Request")
        for event in (head, h11.Data(data=bytes(answer.body)), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _app_now(self) -> ASGIApp:
        """Uvicorn has a limit of its own, which answers in plain text."""
        if len(self.connections) <= _MOST_CONNECTIONS:
            app: ASGIApp = self.config.loaded_app
            return app
        _log.warning("too many connections to the registry", connections=len(self.connections))
        return _crowded

    def _await_head(self) -> None:
        self._head = self.loop.call_later(_HEAD_DEADLINE, self.timeout_keep_alive_handler)

    def _forget_head(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None


class HttpServer:
    """Bound when it is made, so that a busy port is told at once; ListenError."""

    def __init__(self, app: ASGIApp, address: str, tls: ServerCertificate | None = None) -> None:
        self._listener = listen(address)
        self.address = address if address.startswith("unix:") else _with_port(address, self._listener.getsockname()[1])
        config = uvicorn.Config(
            app,
            loop="asyncio",
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,  # the process has set up logging
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=_DRAIN,
        )
        if tls is not None and not address.startswith("unix:"):
            config.load()  # which takes files, and would not follow them
            config.ssl = tls.context
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="registry-http", daemon=True)

    def start(self) -> None:
        """Return when requests are answered; ListenError when that takes too long."""
        self._thread.start()
        deadline = time.monotonic() + _START_DEADLINE
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise ListenError(self.address, "the HTTP server did not start")
            time.sleep(0.005)

    def stop(self) -> None:
        """Take no new requests, let open ones end, and return when the thread is gone."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(2 * _DRAIN)
        self._listener.close()

    def _run(self) -> None:
        self._server.run([self._listener])


def _with_port(address: str, port: int) -> str:
    return f"{address.rpartition(':')[0]}:{port}"
