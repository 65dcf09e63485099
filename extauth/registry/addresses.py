"""Addresses of settings (`host:port`, `unix:/path`) as what a server binds to."""

import contextlib
import socket
import stat
from pathlib import Path

_BACKLOG = 128


class ListenError(Exception):
    """An address that cannot be listened on."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"cannot listen on {address}: {reason}")


def listen(address: str) -> socket.socket:
    """A listening TCP or Unix socket; ListenError. Port 0 takes a free one; `*` stands for all interfaces."""
    try:
        path = address.removeprefix("unix:")
        return _listen_unix(Path(path)) if path != address else _listen_tcp(*split(address))
    except OSError as error:
        raise ListenError(address, error.strerror or str(error)) from None


def split(address: str) -> tuple[str, int]:
    """Host, without brackets and empty for all interfaces, and port."""
    host, _, port = address.rpartition(":")
    return "" if host == "*" else host.strip("[]"), int(port)


def _listen_tcp(host: str, port: int) -> socket.socket:
    dual = not host and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual else socket.AF_INET
    if host:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    listener = socket.create_server((host, port), family=family, dualstack_ipv6=dual, backlog=_BACKLOG)
    # Connections inherit it. asyncio sets it only on sockets made with IPPROTO_TCP, and without it the second part
    # of an answer waits 40 ms for the client's delayed ACK.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _listen_unix(path: Path) -> socket.socket:
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(path.stat().st_mode):
            path.unlink()  # left behind by a process that was killed
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
