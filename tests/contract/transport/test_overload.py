"""What there is no time or no room for is refused at once, and what needs neither is served all the same."""

from pathlib import Path

import grpc
import pytest

from extauth.serving import lean, stock
from tests.contract.transport.conftest import Serve
from tests.support.transport_handler import release
from tests.support.transport_process import transport_process
from tests.support.wait import wait_until
from tests.support.wire_client import WireClient

_DEADLINE_EXCEEDED = grpc.StatusCode.DEADLINE_EXCEEDED.value[0]
_LATE, _FULL = b"overloaded: late", b"overloaded: full"


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decision that has less than five seconds is none, so that no test hangs on milliseconds."""
    for transport in (lean, stock):
        monkeypatch.setattr(transport, "LEAST", 5.0)


def test_a_check_whose_time_is_nearly_up_is_not_made(patient: None, serve: Serve, path: Path) -> None:
    serve(f"unix:{path}", timeout=60)
    with WireClient(f"unix:{path}") as client:
        assert client.ask(b"raise", timeout="4S").message == _LATE
        assert client.ask(b"hello", timeout="60S").message == b"hello"
        assert client.ask(b"hello", timeout=None).message == b"hello"


def test_a_timeout_of_ours_that_is_short_is_no_reason(serve: Serve, path: Path) -> None:
    serve(f"unix:{path}", timeout=0.005)
    with WireClient(f"unix:{path}") as client:
        assert client.ask(b"hello").message == b"hello"


def test_calls_do_not_grow_old_in_the_sockets(name: str, path: Path) -> None:
    """Their deadlines run while those before them are served, though these take all of the loop's time."""
    with (
        transport_process(name, f"unix:{path}", timeout=5, threads=1) as process,
        WireClient(process.target) as client,
    ):
        before = [client.call(b"sleep 0.02") for _ in range(50)]
        client.receive_until(lambda: client.replies[before[20]].ended)  # all of them have been read by now
        streams = [client.call(b"sleep 0.02", timeout="200m") for _ in range(10)]
        late = [client.reply(stream) for stream in streams]
        assert [client.reply(stream).message for stream in before] == [b"slept"] * 50
    assert all(reply.status == _DEADLINE_EXCEEDED or reply.message == _LATE for reply in late), late


def test_more_than_may_wait_are_refused_at_once(name: str, serve: Serve, path: Path) -> None:
    if name == "stock":
        pytest.skip("there, what waits is what the threads and the calls before them leave")
    serve(f"unix:{path}", timeout=60, max_pending=2)
    with WireClient(f"unix:{path}") as client:
        waiting = [client.call(b"hold") for _ in range(2)]
        assert client.ask(b"hold").message == _FULL
        assert client.ask(b"in memory").message == b"in memory"
        for _ in waiting:
            release(b"released")
        assert [client.reply(stream).message for stream in waiting] == [b"released"] * 2
        wait_until(lambda: client.ask(b"at-once").message == b"at once")
