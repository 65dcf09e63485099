"""TCP ports that the workers share, kept from strangers."""

import socket
from collections.abc import Sequence
from contextlib import closing

from extauth.serving.sockets import BindError
from extauth.settings.values import host_and_port


class SharedPorts:
    """Held from `reserve` until `release`, with no connection ever coming here.

    With SO_REUSEPORT the kernel lets any process of the same user share a port: a second sidecar, started by mistake,
    would get some of the connections without a word. So the port is asked for without it first.
    """

    def __init__(self) -> None:
        self._held: list[socket.socket] = []

    def reserve(self, addresses: Sequence[str]) -> tuple[str, ...]:
        """The addresses with real ports in place of zeros. Raises BindError."""
        return tuple(address if address.startswith("unix:") else self._reserve(address) for address in addresses)

    def release(self) -> None:
        for held in self._held:
            held.close()

    def _reserve(self, address: str) -> str:
        host, port = host_and_port(address)
        try:
            with closing(_bind((host, port), shared=False)) as probe:
                port = probe.getsockname()[1]
            self._held.append(_bind((host, port), shared=True))
        except OSError as error:
            raise BindError(f"cannot listen on {address} (listen.grpc): {error.strerror}") from error
        return f"{address.rpartition(':')[0]}:{port}"


def _bind(address: tuple[str, int], *, shared: bool) -> socket.socket:
    """A socket that does not listen."""
    family, kind, protocol, _, target = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(shared))
        bound.bind(target)
    except OSError:
        bound.close()
        raise
    return bound
