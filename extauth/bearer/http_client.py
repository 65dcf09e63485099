"""One connection to an issuer: every exchange bounded in time and size, TLS verified, no proxy, no redirect followed.

The time limit is for an exchange as a whole: a server that sends a byte now and then does not stretch it. Only the
resolver keeps its own time (resolv.conf); therefore all of this runs on threads that no check waits for.
"""

import http.client
import io
import socket
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from extauth.bearer.errors import IssuerUnavailableError

MAX_BYTES = 1024 * 1024
_REFUSALS = range(400, 500)
_STALE = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
"""What a connection says that the server closed while it was idle."""


class HttpClient:
    """For one thread at a time. Keeps its connection open until `close`, or until something goes wrong."""

    def __init__(self, url: str, timeout: float, ca_file: Path | None) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = parts.scheme == "https"
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._timeout = timeout
        self._ca_file = ca_file
        self._connection: _Connection | None = None

    def exchange(self, method: str, headers: Mapping[str, str], body: bytes | None = None) -> bytes:
        """The body of a 200 answer; IssuerUnavailableError for anything else."""
        deadline = time.monotonic() + self._timeout
        try:
            status, data = self._attempt(method, headers, body, deadline)
        except TimeoutError:
            raise IssuerUnavailableError("timeout", f"no answer within {self._timeout:g}s") from None
        except ssl.SSLError as error:
            raise IssuerUnavailableError("tls", error.reason or "TLS failed") from None
        except OSError as error:
            raise IssuerUnavailableError("connection", error.strerror or type(error).__name__) from None
        except UnicodeError:
            raise IssuerUnavailableError("connection", "the host's name is none that DNS can have") from None
        except http.client.HTTPException as error:
            raise IssuerUnavailableError("reply", f"not HTTP: {type(error).__name__}") from None
        if len(data) > MAX_BYTES:
            raise IssuerUnavailableError("too_large", f"the answer has more than {MAX_BYTES} bytes")
        if status != http.client.OK:
            raise IssuerUnavailableError(
                "refused" if status in _REFUSALS else "status", f"the answer has status {status}"
            )
        return data

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _attempt(
        self, method: str, headers: Mapping[str, str], body: bytes | None, deadline: float
    ) -> tuple[int, bytes]:
        """Status and body. Once more on a new connection when the server had closed the idle one: nothing was lost."""
        if self._connection is not None:
            try:
                return self._converse(self._connection, method, headers, body, deadline)
            except _STALE:
                pass
        self._connection = _Connection(self._host, self._port, self._context())
        return self._converse(self._connection, method, headers, body, deadline)

    def _converse(
        self, connection: "_Connection", method: str, headers: Mapping[str, str], body: bytes | None, deadline: float
    ) -> tuple[int, bytes]:
        connection.deadline = deadline
        reusable = False
        try:
            connection.request(method, self._target, body, dict(headers))
            with connection.getresponse() as response:
                data = response.read(MAX_BYTES + 1)
                reusable = len(data) <= MAX_BYTES and not response.will_close
                return response.status, data
        finally:
            if not reusable:
                self.close()

    def _context(self) -> ssl.SSLContext | None:
        """Read anew for each connection, so that a CA bundle can be replaced."""
        if not self._tls:
            return None
        try:
            return ssl.create_default_context(cafile=self._ca_file)
        except OSError as error:  # ssl.SSLError is one, too
            raise IssuerUnavailableError("tls", f"CA file {self._ca_file}: {error.strerror or error}") from None


class _Connection(http.client.HTTPConnection):
    """Keeps one deadline (monotonic seconds) from connecting to the last byte of the answer."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None) -> None:
        super().__init__(host, port)
        self.default_port = 80 if context is None else 443
        self.deadline = 0.0
        self._context = context
        # What http.client calls to make a response; it needs to know this connection.
        self.response_class = cast("type[http.client.HTTPResponse]", self._respond)

    def connect(self) -> None:
        plain = _open(self.host, self.port, self.deadline)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.settimeout(_left(self.deadline))  # the TLS handshake keeps it as a whole
            self.sock = self._context.wrap_socket(plain, server_hostname=self.host) if self._context else plain
        except BaseException:
            plain.close()
            raise

    def send(self, data: Any) -> None:  # noqa: ANN401 (as in the base class)
        if self.sock is not None:
            self.sock.settimeout(_left(self.deadline))
        super().send(data)

    def _respond(self, sock: socket.socket, *args: Any, **kwargs: Any) -> http.client.HTTPResponse:  # noqa: ANN401
        response = http.client.HTTPResponse(sock, *args, **kwargs)
        response.fp = io.BufferedReader(_Timed(response.fp.detach(), sock, self))
        return response


class _Timed(io.RawIOBase):
    """Bytes from a socket, each wait for them shortened to what is left until the deadline."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, connection: _Connection) -> None:
        self._raw = raw
        self._sock = sock
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 (as in the base class)
        self._sock.settimeout(_left(self._connection.deadline))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _open(host: str, port: int, deadline: float) -> socket.socket:
    """A connection to the first address that takes one."""
    failure = OSError("the host has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(_left(deadline))
            sock.connect(address)
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    raise failure


def _left(deadline: float) -> float:
    """Seconds until the deadline; TimeoutError when it has passed."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
