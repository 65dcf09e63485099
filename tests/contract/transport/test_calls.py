"""Calls that go well, one by one and many at once, and calls for which something of ours fails."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.contract.transport.conftest import Call, Serve, Served
from tests.support.asker import burst
from tests.support.wire_client import WireClient

_CONNECTIONS, _CALLS = 4, 900


def test_bytes_go_in_and_out(call: Call) -> None:
    assert call(b"some bytes") == b"some bytes"
    assert call(bytes(range(256)) * 30) == bytes(range(256)) * 30


def test_a_pending_answer_is_waited_for_while_others_are_served(call: Call) -> None:
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(call, b"wait 0.3")
        assert call(b"quick") == b"quick"
        assert not slow.done()
        assert slow.result() == b"waited"


def test_an_answer_may_come_before_then_returns(call: Call) -> None:
    assert call(b"at-once") == b"at once"


def test_answers_from_another_thread_reach_their_own_calls(call: Call) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(call, [b"soon %d" % number for number in range(500)]))
    assert answers == [b"%d" % number for number in range(500)]


def test_many_pending_answers_are_waited_for_at_once(client: WireClient, name: str) -> None:
    if name == "stock":
        pytest.skip("a thread waits for each, and there are few")
    streams = [client.call(b"wait 0.5") for _ in range(900)]
    assert [client.reply(stream).message for stream in streams] == [b"waited"] * 900


def test_a_burst_over_several_connections_is_answered_whole(served: Served) -> None:
    """By default grpcio cancels what comes in faster than it is taken up."""
    messages = [b"%d" % number for number in range(_CALLS)]
    assert burst(served.tcp, _CONNECTIONS, messages) == {(0, message): _CONNECTIONS for message in messages}


def test_a_fault_of_ours_is_an_answer_and_not_a_status(call: Call) -> None:
    for command in (b"raise", b"cannot-begin", b"cannot-begin-nor-end"):
        assert call(command) in {b"unavailable", b"expired"}, command
    assert call(b"still there") == b"still there"


def test_a_pending_answer_that_cannot_be_ended_is_an_answer_too(serve: Serve, path: Path) -> None:
    serve(f"unix:{path}", timeout=0.1)
    with WireClient(f"unix:{path}") as client:
        assert client.ask(b"cannot-end").message == b"unavailable"
        assert client.ask(b"still there").message == b"still there"


def test_a_handler_that_fails_twice_fails_its_call_alone(client: WireClient) -> None:
    for _ in range(3):
        reply = client.ask(b"raise twice")
        assert (reply.status or 0) > 0
        assert not reply.data, "an empty CheckResponse would be an ALLOW"
    assert client.ask(b"still there").message == b"still there"


def test_an_answer_that_comes_after_the_end_is_nobodys(serve: Serve, path: Path) -> None:
    serve(f"unix:{path}", timeout=0.1)
    with WireClient(f"unix:{path}") as client:
        assert client.ask(b"disobey 0.2").message == b"expired"
        time.sleep(0.2)
        assert client.ask(b"still there").message == b"still there"
