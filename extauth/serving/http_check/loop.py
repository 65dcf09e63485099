"""uvicorn on a thread of its own, on sockets that are bound already: in the clear, or all of them with TLS."""

import socket
import threading
import time
from collections.abc import Sequence

import uvicorn

from extauth.serving.http_check.app import HttpCheck
from extauth.tls.certificate import ServerCertificate

_IDLE = 120  # seconds; longer than nginx (60) and Traefik (90) keep a connection, so that they close it first
_LARGEST_HEAD = 65536  # bytes
_START = 10.0  # seconds
_LOOK = 0.005  # seconds


def configuration(app: HttpCheck, tls: ServerCertificate | None = None) -> uvicorn.Config:
    """Of a server whose process has set up logging."""
    made = uvicorn.Config(
        app,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        h11_max_incomplete_event_size=_LARGEST_HEAD,
        timeout_keep_alive=_IDLE,
    )
    if tls is not None:
        made.load()  # which takes files, and would not follow them
        made.ssl = tls.context
    return made


class HttpLoop:
    """`start`, then `stop`."""

    def __init__(self, config: uvicorn.Config) -> None:
        self._config = config
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="http-check", daemon=True)
        self._sockets: Sequence[socket.socket] = ()

    def start(self, sockets: Sequence[socket.socket]) -> bool:
        """Whether it serves on them; returns when it does."""
        self._sockets = sockets
        self._thread.start()
        deadline = time.monotonic() + _START
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                return False
            time.sleep(_LOOK)
        return True

    def end(self, grace: float) -> None:
        """Take no new requests, and give those under way `grace` seconds."""
        self._config.timeout_graceful_shutdown = max(round(grace), 1)
        self._server.should_exit = True

    def stop(self, grace: float) -> None:
        """Wait for its end, and close its sockets."""
        if self._thread.is_alive():
            self._thread.join(grace + 2)
        for listener in self._sockets:
            listener.close()

    def _run(self) -> None:
        self._server.run(list(self._sockets))
