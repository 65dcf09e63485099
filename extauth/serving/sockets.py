"""Binding a gRPC server to its addresses."""

import os
import socket
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import Enum
from itertools import count
from pathlib import Path

from extauth.settings.values import host_and_port


class BindError(Exception):
    """An address that cannot be listened on; the text names it and the remedy."""


class Claim(Enum):
    """Who else may listen on an address."""

    ALONE = "alone"
    """Nobody."""
    BESIDE = "beside"
    """On a TCP port other workers of the same sidecar (SO_REUSEPORT); on a unix socket nobody."""
    SUCCEEDING = "succeeding"
    """As BESIDE, and on a unix socket the worker that this one takes over from: new connections come here at once."""


AddPort = Callable[[str], int]
"""A server's own: the port bound for a target; 0 or RuntimeError when it cannot be."""
_aside = count()


class Listeners:
    """The addresses of one server: bound, and taken away when nobody listens there any more."""

    def __init__(self, addresses: Sequence[str], socket_mode: int, claim: Claim) -> None:
        self._addresses = addresses
        self._socket_mode = socket_mode
        self._claim = claim
        self._sockets: dict[Path, tuple[int, int]] = {}

    def bind(self, add_port: AddPort, add_tcp_port: AddPort | None = None) -> dict[str, str]:
        """Listen; return each address, host:port or unix:/path, with the one bound. Raises BindError.

        `add_tcp_port` is for the addresses host:port, where they are served in another way.
        """
        return {
            address: self._bind(add_port if address.startswith("unix:") else add_tcp_port or add_port, address)
            for address in self._addresses
        }

    def remove_sockets(self) -> None:
        """Take unix sockets out of the file system, but not those of a successor."""
        for path, identity in self._sockets.items():
            with suppress(FileNotFoundError):
                if _identity_of(path) == identity:
                    path.unlink()

    def _bind(self, add_port: AddPort, address: str) -> str:
        if address.startswith("unix:"):
            path = Path(address.removeprefix("unix:"))
            _make_way(path, self._claim)
            # The mask, and not a later chmod, so that there is no moment in which others may connect.
            mask = os.umask(0o777 & ~self._socket_mode)
            try:
                _bind_socket(add_port, path, self._claim)
            finally:
                os.umask(mask)
            self._sockets[path] = _identity_of(path)
            return address
        host, port = host_and_port(address)
        bound = _add_port(add_port, f"[{host}]:{port}" if ":" in host else f"{host}:{port}", address)
        return f"{address.rpartition(':')[0]}:{bound}"


def _bind_socket(add_port: AddPort, path: Path, claim: Claim) -> None:
    """A worker binds under another name and renames: no moment without a listener, when it succeeds another.

    Also, grpcio removes the name that it was given when it stops, which may be the successor's by then.
    """
    if claim is Claim.ALONE:
        _add_port(add_port, f"unix:{path}", f"unix:{path}")
        return
    aside = path.with_name(f".{os.getpid()}-{next(_aside)}")
    _add_port(add_port, f"unix:{aside}", f"unix:{path}")
    aside.rename(path)


def _add_port(add_port: AddPort, target: str, address: str) -> int:
    try:
        port = add_port(target)
    except RuntimeError:
        port = 0
    if port == 0:
        raise BindError(f"cannot listen on {address}: it is in use or not ours to use; choose another address")
    return port


def _make_way(path: Path, claim: Claim) -> None:
    """Remove the socket that a killed process left behind, and nothing else."""
    if not path.parent.is_dir():
        raise BindError(f"cannot listen on {path}: the directory {path.parent} does not exist; create it")
    if not path.exists():
        return
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise BindError(f"cannot listen on {path}: a file that is not a socket is there; move it away")
    if claim is Claim.SUCCEEDING:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        if probe.connect_ex(str(path)) == 0:
            raise BindError(f"cannot listen on {path}: another process does already; stop it first")
    path.unlink()


def _identity_of(path: Path) -> tuple[int, int]:
    """Device and inode."""
    found = path.stat()
    return found.st_dev, found.st_ino
