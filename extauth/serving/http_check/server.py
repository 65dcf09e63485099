"""The HTTP server of `/check`: uvicorn on a thread of its own, on sockets bound as those for Envoy are."""

import socket
import threading
import time
from collections.abc import Sequence

import uvicorn

from extauth.policy.http_check import HttpCheckSettings
from extauth.serving.http_check.app import HttpCheck
from extauth.serving.http_check.messages import ORIGINAL
from extauth.serving.sockets import BindError, Claim, Listeners
from extauth.serving.transport import Handler

_BACKLOG = 1024
_UNIX = "unix:"
_IDLE = 120  # seconds; longer than nginx (60) and Traefik (90) keep a connection, so that they close it first
_LARGEST_HEAD = 65536  # bytes
_START = 10.0  # seconds
_LOOK = 0.005  # seconds


class HttpCheckServer:
    """`start`, then `stop`. `timeout` in seconds is how long a check may take."""

    def __init__(self, handler: Handler, settings: HttpCheckSettings, timeout: float, mode: int, claim: Claim) -> None:
        assert settings.original is not None, "the settings see to it"
        self._listeners = Listeners(settings.listen, mode, claim)
        self._is_shared = claim is not Claim.ALONE
        self._sockets: list[socket.socket] = []
        self._config = uvicorn.Config(
            HttpCheck(handler, ORIGINAL[settings.original], timeout),
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,  # the process has set up logging
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            h11_max_incomplete_event_size=_LARGEST_HEAD,
            timeout_keep_alive=_IDLE,
        )
        self._server = uvicorn.Server(self._config)
        self._thread = threading.Thread(target=self._run, name="http-check", daemon=True)

    def start(self) -> dict[str, str]:
        """Serve; each address with the one bound. Raises BindError."""
        bound = self._listeners.bind(self._add_port)
        self._thread.start()
        deadline = time.monotonic() + _START
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise BindError(f"the HTTP server on {', '.join(bound)} did not start")
            time.sleep(_LOOK)
        return bound

    def stop(self, grace: float) -> None:
        """Take no new requests, let those under way end within `grace` seconds, close the sockets."""
        self._config.timeout_graceful_shutdown = max(round(grace), 1)
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(grace + 2)
        for listener in self._sockets:
            listener.close()
        self._listeners.remove_sockets()

    def _run(self) -> None:
        self._server.run(self._sockets)

    def _add_port(self, target: str) -> int:
        """As a gRPC server does it: the port bound, 1 for a unix socket; RuntimeError when it cannot be."""
        try:
            made = _listen_unix(target.removeprefix(_UNIX)) if target.startswith(_UNIX) else self._listen_tcp(target)
        except OSError as error:
            raise RuntimeError(str(error)) from error
        self._sockets.append(made)
        name: Sequence[int] | str = made.getsockname()
        return 1 if isinstance(name, str) else int(name[1])

    def _listen_tcp(self, target: str) -> socket.socket:
        host, _, port = target.rpartition(":")
        family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
        address = host.strip("[]"), int(port)
        made = socket.create_server(address, family=family, backlog=_BACKLOG, reuse_port=self._is_shared)
        # Connections inherit it; without it the second part of an answer waits for the client's delayed ACK.
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made


def _listen_unix(path: str) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.bind(path)
        made.listen(_BACKLOG)
    except OSError:
        made.close()
        raise
    return made
