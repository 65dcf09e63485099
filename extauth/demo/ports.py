"""The TCP ports of one demo: eight in a row, all on 127.0.0.1."""

import errno
import socket
from dataclasses import dataclass, fields

from extauth.demo.errors import DemoError

HOST = "127.0.0.1"
COUNT = 8
DEFAULT_BASE = 18000
LOWEST_BASE = 1024
HIGHEST_BASE = 65536 - COUNT


@dataclass(frozen=True, slots=True)
class Ports:
    """Made by `from_base`."""

    envoy: int
    registry_http: int
    registry_grpc: int
    sidecar_admin: int
    upstream: int
    envoy_admin: int
    issuer: int
    prometheus: int

    @classmethod
    def from_base(cls, base: int) -> "Ports":
        return cls(*range(base, base + COUNT))

    def taken(self) -> dict[str, int]:
        """Those that another process listens on, by what they are for."""
        ports = {field.name: int(getattr(self, field.name)) for field in fields(self)}
        return {name: port for name, port in ports.items() if not is_free(port)}


def refuse_taken(ports: Ports) -> None:
    """Raise DemoError that names each port in use."""
    if taken := ports.taken():
        named = ", ".join(f"{port} ({name.replace('_', ' ')})" for name, port in taken.items())
        raise DemoError(f"taken on {HOST}: port {named}. Choose another range: --port-base {_another(ports.envoy)}")


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # closed connections do not matter
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return False
            raise
    return True


def _another(base: int) -> int:
    """A range further on, or the usual one."""
    candidates = (candidate for candidate in range(base + 100, HIGHEST_BASE, 100))
    return next((candidate for candidate in candidates if not Ports.from_base(candidate).taken()), DEFAULT_BASE)
