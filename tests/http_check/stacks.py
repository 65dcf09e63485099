"""A stack whose sidecar answers `/check` too, and questions to it."""

import http.client
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.answer import Answer, Headers
from tests.e2e.running import Running, running_stack

PATIENCE = 30.0  # seconds
NAMES = {
    "x-original": ("x-original-method", "x-original-uri", "x-original-host"),
    "x-forwarded": ("x-forwarded-method", "x-forwarded-uri", "x-forwarded-host"),
}


@dataclass(frozen=True, slots=True)
class Checked:
    """The stack, and where its sidecar answers `/check`: host:port or unix:/path."""

    stack: Running
    address: str
    original: str

    def ask(
        self, path: str = "/", headers: Headers = (), *, method: str = "GET", host: str = "127.0.0.1", query: str = ""
    ) -> Answer:
        """About a request, as a proxy does."""
        told = zip(NAMES[self.original], (method, path, host), strict=True)
        return self.send([*told, *headers], f"/check{query}")

    def send(self, headers: Headers, target: str = "/check") -> Answer:
        connection = connect(self.address)
        try:
            connection.putrequest("GET", target, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            connection.endheaders()
            response = connection.getresponse()
            given = [(name.lower(), value) for name, value in response.getheaders()]
            return Answer(response.status, given, response.read())
        finally:
            connection.close()


def connect(address: str) -> http.client.HTTPConnection:
    """A connection to host:port or unix:/path."""
    path = address.removeprefix("unix:")
    if path == address:
        return http.client.HTTPConnection(address, timeout=PATIENCE)
    connection = http.client.HTTPConnection("localhost", timeout=PATIENCE)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.settimeout(PATIENCE)
    connection.sock.connect(path)
    return connection


@contextmanager
def checked_stack(
    directory: Path,
    address: str,
    original: str,
    more: Mapping[str, Any] | None = None,
    http: Mapping[str, Any] | None = None,
) -> Iterator[Checked]:
    """`more` are further settings of the sidecar, `http` of its `http`."""
    http_settings = {"listen": [address], "original": original, **(http or {})}
    with running_stack(directory, {**(more or {}), "http": http_settings}) as stack:
        yield Checked(stack, address, original)
