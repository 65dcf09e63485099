"""The HTTP server of `/check`, on sockets bound as those for Envoy are: with TLS on TCP, where that is configured."""

import socket
from collections import defaultdict
from collections.abc import Sequence

from extauth.policy.http_check import HttpCheckSettings
from extauth.serving.envoy_secret import EnvoySecret
from extauth.serving.http_check.app import HttpCheck
from extauth.serving.http_check.loop import HttpLoop, configuration
from extauth.serving.http_check.messages import ORIGINAL
from extauth.serving.sockets import BindError, Claim, Listeners
from extauth.serving.transport import Handler
from extauth.tls.certificate import ServerCertificate

_BACKLOG = 1024
_UNIX = "unix:"


class HttpCheckServer:
    """`start`, then `stop`. `timeout` in seconds is how long a check may take. SecretError when it is made."""

    def __init__(
        self,
        handler: Handler,
        settings: HttpCheckSettings,
        timeout: float,
        mode: int,
        claim: Claim,
        *,
        tls: ServerCertificate | None = None,
    ) -> None:
        assert settings.original is not None, "the settings see to it"
        secret = None if settings.secret is None else EnvoySecret(settings.secret)
        self._listeners = Listeners(settings.listen, mode, claim)
        self._is_shared = claim is not Claim.ALONE
        self._sockets: dict[bool, list[socket.socket]] = defaultdict(list)  # by whether they have TLS
        self._tls = tls
        self._app = HttpCheck(handler, ORIGINAL[settings.original], timeout, secret)
        self._config = configuration(self._app)
        self._loops: list[HttpLoop] = []

    def start(self) -> dict[str, str]:
        """Serve; each address with the one bound. Raises BindError."""
        bound = self._listeners.bind(self._add_port, None if self._tls is None else self._add_tls_port)
        for has_tls, sockets in self._sockets.items():
            loop = HttpLoop(configuration(self._app, self._tls) if has_tls else self._config)
            self._loops.append(loop)
            if not loop.start(sockets):
                raise BindError(f"the HTTP server on {', '.join(bound)} did not start")
        return bound

    def stop(self, grace: float) -> None:
        """Take no new requests, let those under way end within `grace` seconds, close the sockets."""
        for loop in self._loops:
            loop.end(grace)
        for loop in self._loops:
            loop.stop(grace)
        self._listeners.remove_sockets()

    def _add_port(self, target: str, *, has_tls: bool = False) -> int:
        """As a gRPC server does it: the port bound, 1 for a unix socket; RuntimeError when it cannot be."""
        try:
            made = _listen_unix(target.removeprefix(_UNIX)) if target.startswith(_UNIX) else self._listen_tcp(target)
        except OSError as error:
            raise RuntimeError(str(error)) from error
        self._sockets[has_tls].append(made)
        name: Sequence[int] | str = made.getsockname()
        return 1 if isinstance(name, str) else int(name[1])

    def _add_tls_port(self, target: str) -> int:
        return self._add_port(target, has_tls=True)

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
