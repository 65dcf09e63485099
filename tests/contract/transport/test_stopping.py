"""Stopping: what is under way ends well, within the grace."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from tests.contract.transport.conftest import Serve
from tests.support.wire_client import WireClient


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
    transport = serve(f"unix:{path}", timeout=20)
    with WireClient(f"unix:{path}") as client:
        stream = client.call(b"wait 1.5", timeout="20S")
        client.ask(b"it has come")
        started = time.monotonic()
        transport.stop(grace=0.1)
        assert time.monotonic() - started < 1.5
        reply = client.reply(stream)
        assert reply.reset is not None or reply.status != 0
    time.sleep(1.5 - (time.monotonic() - started))  # the answer comes when there is nobody to send it to


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
