"""Every transport under the same tests, over real sockets."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from extauth.serving.transport import Transport
from tests.support.transport_handler import CommandHandler
from tests.support.transports import TRANSPORTS, make_transport
from tests.support.wire_client import CHECK, WireClient

Serve = Callable[..., Transport]
Call = Callable[..., bytes]


@dataclass(frozen=True, slots=True)
class Served:
    """A transport that serves, on both kinds of socket, and is left as it was."""

    unix: str
    tcp: str
    handler: CommandHandler


@pytest.fixture(scope="module", params=TRANSPORTS)
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def served(name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    handler = CommandHandler()
    unix = f"unix:{tmp_path_factory.mktemp(name)}/x.sock"
    transport = make_transport(name, handler, unix, "127.0.0.1:0")
    bound = transport.start()
    yield Served(unix, bound["127.0.0.1:0"], handler)
    transport.stop(grace=0)


@pytest.fixture
def client(served: Served) -> Iterator[WireClient]:
    """Frame by frame."""
    with WireClient(served.tcp) as client:
        yield client


@pytest.fixture(scope="module")
def channel(served: Served) -> Iterator[grpc.Channel]:
    """Grpcio's own client."""
    with grpc.insecure_channel(served.unix) as channel:
        yield channel


@pytest.fixture
def call(channel: grpc.Channel) -> Call:
    """Ask through grpcio's own client."""
    check: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(CHECK)

    def call(message: bytes, timeout: float = 10) -> bytes:
        return check(message, timeout=timeout)

    return call


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "extauth.sock"


@pytest.fixture
def serve(name: str) -> Iterator[Serve]:
    """Start a transport for one test alone; it need not be stopped."""
    with ExitStack() as stack:

        def serve(*addresses: str, **options: Any) -> Transport:
            transport = make_transport(name, CommandHandler(), *addresses, **options)
            transport.start()
            stack.callback(transport.stop, grace=0)
            return transport

        yield serve
