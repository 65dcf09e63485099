"""Workers of one sidecar on one address: ports that are shared, sockets that are handed on."""

from pathlib import Path

import pytest

from extauth.serving.sockets import BindError, Claim
from tests.contract.transport.conftest import Serve
from tests.support.transport_handler import CommandHandler
from tests.support.transports import make_transport
from tests.support.wire_client import WireClient


def answers(address: str) -> bool:
    with WireClient(address) as client:
        return client.ask(b"here").message == b"here"


def test_a_successor_takes_new_connections_at_once_and_old_ones_stay(name: str, serve: Serve, path: Path) -> None:
    address = f"unix:{path}"
    before = make_transport(name, CommandHandler(), address, claim=Claim.BESIDE)
    before.start()
    with WireClient(address) as client:
        assert client.ask(b"one").message == b"one"
        serve(address, claim=Claim.SUCCEEDING)
        assert client.ask(b"two").message == b"two"
        assert answers(address)
    before.stop(grace=1)
    assert answers(address)
    assert list(path.parent.iterdir()) == [path]


def test_the_socket_goes_with_the_last_of_them(name: str, path: Path) -> None:
    address = f"unix:{path}"
    workers = [
        make_transport(name, CommandHandler(), address, claim=claim) for claim in (Claim.BESIDE, Claim.SUCCEEDING)
    ]
    for worker in workers:
        worker.start()
    for worker, there in zip(workers, (True, False), strict=True):
        worker.stop(grace=0)
        assert path.exists() is there


def test_a_first_worker_leaves_a_strangers_socket_alone(name: str, serve: Serve, path: Path) -> None:
    serve(f"unix:{path}")
    with pytest.raises(BindError, match="another process does already"):
        make_transport(name, CommandHandler(), f"unix:{path}", claim=Claim.BESIDE).start()
    assert answers(f"unix:{path}")


def test_a_successor_has_the_mode_that_was_asked_for(serve: Serve, path: Path) -> None:
    serve(f"unix:{path}", claim=Claim.SUCCEEDING, socket_mode=0o640)
    assert path.stat().st_mode & 0o777 == 0o640


def test_workers_share_a_port_and_nobody_else_does(name: str, serve: Serve) -> None:
    first = make_transport(name, CommandHandler(), "127.0.0.1:0", claim=Claim.BESIDE)
    (address,) = first.start().values()
    serve(address, claim=Claim.BESIDE)
    with pytest.raises(BindError, match=f"cannot listen on {address}"):
        make_transport(name, CommandHandler(), address).start()
    first.stop(grace=0)
    assert answers(address)
