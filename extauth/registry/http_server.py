"""An ASGI application behind uvicorn, in a thread of its own and without signal handlers."""

import threading
import time

import uvicorn
from starlette.types import ASGIApp

from extauth.registry.addresses import ListenError, listen

_START_DEADLINE = 10.0
_DRAIN = 5
"""Seconds that open requests have to end."""


class HttpServer:
    """Bound when it is made, so that a busy port is told at once; ListenError."""

    def __init__(self, app: ASGIApp, address: str) -> None:
        self._listener = listen(address)
        self.address = address if address.startswith("unix:") else _with_port(address, self._listener.getsockname()[1])
        config = uvicorn.Config(
            app,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,  # the process has set up logging
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=256,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=_DRAIN,
        )
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
