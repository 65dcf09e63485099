"""Binding a gRPC server to its addresses."""

import os
import socket
import stat
from collections.abc import Callable
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
_ours: dict[Path, tuple[int, int]] = {}
"""Device and inode of each unix socket that this process has bound."""


def bind(add_port: AddPort, address: str, socket_mode: int, claim: Claim = Claim.ALONE) -> str:
    """Listen on host:port or unix:/path; return the address with its real port. Raises BindError."""
    if address.startswith("unix:"):
        path = _path_of(address)
        _make_way(path, claim)
        # The mask, and not a later chmod, so that there is no moment in which others may connect.
        mask = os.umask(0o777 & ~socket_mode)
        try:
            _bind_socket(add_port, path, claim)
        finally:
            os.umask(mask)
        _ours[path] = _identity_of(path)
        return address
    host, port = host_and_port(address)
    bound = _add_port(add_port, f"[{host}]:{port}" if ":" in host else f"{host}:{port}", address)
    return f"{address.rpartition(':')[0]}:{bound}"


def remove_socket(address: str) -> None:
    """Take a unix socket that nobody listens on any more out of the file system; a successor's stays."""
    ours = _ours.pop(_path_of(address), None)
    if ours is not None:
        with suppress(FileNotFoundError):
            if _identity_of(_path_of(address)) == ours:
                _path_of(address).unlink()


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
        raise BindError(f"cannot listen on {address}: it is in use or not ours to use; choose another in listen.grpc")
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


def _path_of(address: str) -> Path:
    return Path(address.removeprefix("unix:"))


def _identity_of(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino
