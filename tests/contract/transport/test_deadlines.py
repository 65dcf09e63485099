"""Whose time is up is told so in time, and nobody waits for it."""

import time
from pathlib import Path

import grpc

from tests.contract.transport.conftest import Call, Serve, Served
from tests.support.transport_handler import release
from tests.support.wire_client import WireClient

_DEADLINE_EXCEEDED = grpc.StatusCode.DEADLINE_EXCEEDED.value[0]


def test_an_answer_that_does_not_come_in_time_is_ended(serve: Serve, path: Path) -> None:
    serve(f"unix:{path}", timeout=0.1)
    with WireClient(f"unix:{path}") as client:
        assert client.ask(b"never").message == b"expired"
        assert client.ask(b"never", timeout=None).message == b"expired"


def test_the_callers_deadline_is_kept_with_a_margin(call: Call) -> None:
    assert float(call(b"deadline", timeout=0.9)) < 0.9
    assert 0.9 < float(call(b"deadline", timeout=30)) <= 1.0


def test_a_deadline_that_passes_while_the_answer_is_made_is_met_by_an_answer(client: WireClient) -> None:
    """The server keeps it, not the client, which would take anything that comes before its own patience ends."""
    assert client.ask(b"never", timeout="900m").message == b"expired"


def test_a_short_deadline_is_not_held_up_by_longer_ones_before_it(serve: Serve, path: Path) -> None:
    serve(f"unix:{path}", timeout=60, threads=8)
    with WireClient(f"unix:{path}") as client:
        patient = [client.call(b"hold", timeout="60S") for _ in range(4)]
        assert client.ask(b"never", timeout="200m").message == b"expired"
        for _ in patient:
            release(b"released")
        assert [client.reply(stream).message for stream in patient] == [b"released"] * 4


def test_a_deadline_that_has_passed_is_no_answer(client: WireClient) -> None:
    for timeout in ("0n", "1n"):
        for message in (b"hello", b"never"):
            reply = client.ask(message, timeout=timeout)
            assert reply.status == _DEADLINE_EXCEEDED or reply.message == b"overloaded: late"
    assert client.ask(b"still there").message == b"still there"


def test_a_caller_without_a_deadline_gets_ours(client: WireClient) -> None:
    assert 0.9 < float(client.ask(b"deadline", timeout=None).message) <= 1.0


def test_a_deadline_that_cannot_be_read_is_no_answer(served: Served) -> None:
    """After it grpcio answers nothing well on that connection; those of others are not concerned."""
    for timeout in ("soon", ""):
        with WireClient(served.tcp) as client, WireClient(served.tcp) as other:
            assert (client.reply(client.open(headers=[("grpc-timeout", timeout)], timeout=None)).status or 0) > 0
            assert other.ask(b"still there").message == b"still there"


def test_the_time_for_a_decision_begins_with_its_message(serve: Serve, path: Path) -> None:
    serve(f"unix:{path}", timeout=1)
    with WireClient(f"unix:{path}") as client:
        stream = client.open()
        time.sleep(0.5)
        client.send_message(stream, b"deadline")
        assert float(client.reply(stream).message) > 0.8
