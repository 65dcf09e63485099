"""Stopping: what is under way ends well, within the grace."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from extauth.serving.transport import Transport
from tests.contract.transport.conftest import Serve
from tests.support.asker import Asker, Outcome
from tests.support.transport_handler import release
from tests.support.wire_client import WireClient

_CANCELLED = grpc.StatusCode.CANCELLED.value[0]
_UNAVAILABLE = grpc.StatusCode.UNAVAILABLE.value[0]
_REFUSED = "reset 7"  # REFUSED_STREAM (RFC 9113, 8.7)
_HUNG_UP = "hung up"


def test_calls_under_way_end_well_while_stopping(serve: Serve, path: Path) -> None:
    transport = serve(f"unix:{path}")
    with WireClient(f"unix:{path}") as client, ThreadPoolExecutor() as pool:
        streams = [client.call(b"wait 0.3") for _ in range(3)]
        client.ask(b"all have come")
        stopping = pool.submit(transport.stop, grace=20)
        assert [client.reply(stream).message for stream in streams] == [b"waited"] * 3
        client.receive_until_closed()
        stopping.result()
    assert not path.exists()


def test_a_pending_answer_that_never_comes_is_ended_while_stopping(serve: Serve, path: Path) -> None:
    transport = serve(f"unix:{path}", timeout=0.5)
    with WireClient(f"unix:{path}") as client, ThreadPoolExecutor() as pool:
        stream = client.call(b"never")
        client.ask(b"it has come")
        stopping = pool.submit(transport.stop, grace=20)
        assert client.reply(stream).message == b"expired"
        client.receive_until_closed()
        stopping.result()


def test_stopping_does_not_wait_longer_than_its_grace(serve: Serve, path: Path) -> None:
    transport = serve(f"unix:{path}", timeout=60)
    with WireClient(f"unix:{path}") as client:
        stream = client.call(b"hold", timeout="60S")
        client.ask(b"it has come")
        started = time.monotonic()
        transport.stop(grace=0.1)
        assert time.monotonic() - started < 20
        reply = client.reply(stream)
        assert reply.reset is not None or reply.status != 0
    release(b"there is nobody to send it to")


@pytest.mark.parametrize("drains", [1, pytest.param(30, marks=[pytest.mark.slow, pytest.mark.timeout(300)])])
def test_no_call_that_is_under_way_is_lost(serve: Serve, name: str, path: Path, drains: int) -> None:
    """Who comes too late is told so, or writes as the connection closes, and Envoy tries again.

    grpcio's own server also says so to the last of those that it had not handed to a thread: CANCELLED, or UNAVAILABLE
    when the connection is closed with its last answer. Envoy tries both again (`retry_on` of our gateways).
    """
    for drain in range(drains):
        target = f"unix:{path}{drain}"
        transport = serve(target, timeout=0.3)
        before, after = _ask_while_it_stops(target, transport)
        assert set(before) <= ({0} if name == "lean" else {0, _CANCELLED})
        assert set(after) <= {0, _CANCELLED, _REFUSED, _HUNG_UP} | (set() if name == "lean" else {_UNAVAILABLE})
        assert before.count(0) > 50


def test_clients_that_have_gone_hold_up_nothing(serve: Serve, path: Path) -> None:
    transport = serve(f"unix:{path}", timeout=0.2)
    for _ in range(20):
        with WireClient(f"unix:{path}") as client:
            client.call(b"never")
    with WireClient(f"unix:{path}") as client:
        client.ask(b"all have come")
    started = time.monotonic()
    transport.stop(grace=20)
    assert time.monotonic() - started < 5


def test_nobody_is_served_after_the_end(serve: Serve, path: Path) -> None:
    transport = serve(f"unix:{path}", "127.0.0.1:0")
    with grpc.insecure_channel(f"unix:{path}") as channel:
        assert channel.unary_unary("/x/y") is not None
    transport.stop(grace=0)
    with pytest.raises(OSError, match="No such file"):
        WireClient(f"unix:{path}")


def test_stopping_twice_is_stopping_once(serve: Serve, path: Path) -> None:
    transport = serve(f"unix:{path}")
    transport.stop(grace=0)
    transport.stop(grace=0)


def _ask_while_it_stops(target: str, transport: Transport) -> tuple[list[int | str], list[int | str]]:
    """How calls ended that began before the stop, and while the server had not yet asked its client to go."""
    statuses: dict[int, int | str] = {}

    def ended(stream: int, outcome: Outcome) -> None:
        statuses[stream] = outcome[0]

    asker = Asker(target, ended)
    with ThreadPoolExecutor() as pool:
        before = _ask(asker, 100)
        stopping = pool.submit(transport.stop, grace=10)
        after = []
        while asker.is_welcome and asker.is_open:
            after += _ask(asker, 1)
        while asker.is_open and asker.under_way:
            asker.exchange(0.01)
        asker.socket.close()
        stopping.result()
    return [statuses[stream] for stream in before], [statuses[stream] for stream in after]


def _ask(asker: Asker, calls: int) -> list[int]:
    """About a thousand a second, half of them answered from another thread; their streams."""
    streams = []
    for number in range(calls):
        streams.append(asker.ask(b"hello" if number % 2 else b"soon hello"))
        until = time.monotonic() + 0.001
        while asker.is_open and (left := until - time.monotonic()) > 0:
            asker.exchange(left)
    return streams
