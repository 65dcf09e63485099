"""Clients that change their minds, or vanish. None of it may cost another client its answer, or us memory."""

import os
from collections.abc import Iterator

import grpc
import pytest

from tests.contract.transport.conftest import Served
from tests.support.asker import flood_of_resets, refusals
from tests.support.transport_process import TransportProcess, transport_process
from tests.support.wait import wait_until
from tests.support.wire_client import CHECK, WireClient, framed

_MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def process(name: str) -> Iterator[TransportProcess]:
    with transport_process(name, "127.0.0.1:0") as process:
        yield process


def test_a_call_cancelled_before_its_message_is_let_go_of(client: WireClient, served: Served) -> None:
    before = len(served.handler.messages)
    for _ in range(100):
        client.reset(client.open())
    assert client.ask(b"still there").message == b"still there"
    assert len(served.handler.messages) == before


def test_a_call_cancelled_while_its_answer_is_made_is_let_go_of(client: WireClient, served: Served) -> None:
    for _ in range(20):
        client.reset(client.call(b"wait 0.1"))
    assert client.ask(b"still there").message == b"still there"
    with WireClient(served.tcp) as other:
        assert other.ask(b"still there").message == b"still there"


def test_calls_cancelled_by_grpcios_own_client(channel: grpc.Channel) -> None:
    check: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(CHECK)
    for _ in range(20):
        check.future(b"wait 0.2", timeout=10).cancel()
    assert check(b"still there", timeout=10) == b"still there"


@pytest.mark.slow
@pytest.mark.skipif(
    "-event_engine_listener" in os.environ.get("GRPC_EXPERIMENTS", ""),
    reason="does not hold on TCP: grpc_environment.py",
)
def test_a_connection_killed_in_the_middle_of_calls_is_closed_here_too(process: TransportProcess) -> None:
    with WireClient(process.target) as watcher:
        watcher.ask(b"hello")
        before = process.descriptors
        for _ in range(50):
            client = WireClient(process.target)
            client.ask(b"hello")
            client.call(b"wait 0.1")
            client.open()
            stream = client.open()
            client.send(stream, framed(b"hello", announced=100), end=False)
            client.kill()
        assert watcher.ask(b"still there").message == b"still there"
        wait_until(lambda: process.descriptors <= before)


@pytest.mark.slow
@pytest.mark.parametrize("message", [None, b"hello", b"never"], ids=["no message", "answered", "pending"])
def test_a_flood_of_resets_is_bounded_in_memory(process: TransportProcess, message: bytes | None) -> None:
    """CVE-2023-44487: without a limit of streams this costs hundreds of megabytes, and others their answers."""
    with WireClient(process.target) as other:
        assert other.ask(b"hello").message == b"hello"
        flood_of_resets(process.target, 10_000, message)
        first, descriptors = process.resident, process.descriptors
        for _ in range(3):
            flood_of_resets(process.target, 10_000, message)
            assert other.ask(b"still there").message == b"still there"
        assert process.resident - first < 40 * _MEGABYTE
        assert process.resident < 250 * _MEGABYTE
        wait_until(lambda: process.descriptors <= descriptors)


def test_streams_beyond_the_limit_are_refused_and_may_be_tried_again(served: Served) -> None:
    assert refusals(served.tcp, streams=3000) == {("reset 7", b""): 2000}  # REFUSED_STREAM (RFC 9113, 8.7)
