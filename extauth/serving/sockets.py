"""Binding a gRPC server to its addresses."""

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

from extauth.settings.values import host_and_port


class BindError(Exception):
    """An address that cannot be listened on; the text names it and the remedy."""


AddPort = Callable[[str], int]
"""A server's own: the port bound for a target; 0 or RuntimeError when it cannot be."""


def bind(add_port: AddPort, address: str, socket_mode: int) -> str:
    """Listen on host:port or unix:/path; return the address with its real port. Raises BindError."""
    if address.startswith("unix:"):
        path = Path(address.removeprefix("unix:"))
        _make_way(path)
        # The mask, and not a later chmod, so that there is no moment in which others may connect.
        mask = os.umask(0o777 & ~socket_mode)
        try:
            _add_port(add_port, address, address)
        finally:
            os.umask(mask)
        return address
    host, port = host_and_port(address)
    bound = _add_port(add_port, f"[{host}]:{port}" if ":" in host else f"{host}:{port}", address)
    return f"{address.rpartition(':')[0]}:{bound}"


def remove_socket(address: str) -> None:
    """Take a unix socket out of the file system when nobody listens on it any more."""
    if address.startswith("unix:"):
        Path(address.removeprefix("unix:")).unlink(missing_ok=True)


def _add_port(add_port: AddPort, target: str, address: str) -> int:
    try:
        port = add_port(target)
    except RuntimeError:
        port = 0
    if port == 0:
        raise BindError(f"cannot listen on {address}: it is in use or not ours to use; choose another in listen.grpc")
    return port


def _make_way(path: Path) -> None:
    """Remove the socket that a killed process left behind, and nothing else."""
    if not path.parent.is_dir():
        raise BindError(f"cannot listen on {path}: the directory {path.parent} does not exist; create it")
    if not path.exists():
        return
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise BindError(f"cannot listen on {path}: a file that is not a socket is there; move it away")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        if probe.connect_ex(str(path)) == 0:
            raise BindError(f"cannot listen on {path}: another process does already; stop it first")
    path.unlink()
