"""What a connection may do, and for how long."""

import socket
import time
from pathlib import Path

import pytest

from extauth.serving import channel_options
from tests.bench.load import frames
from tests.contract.transport.conftest import Serve, Served
from tests.support.wait import wait_until
from tests.support.wire_client import WireClient, connect

_WANT_AN_ANSWER = {
    "ping": frames.frame(frames.PING, 0, 0, b"01234567"),
    "settings": frames.frame(frames.SETTINGS, 0, 0, b"\0\3\0\0\0\x64"),
}
_FLOOD = 50_000_000  # bytes


def test_a_client_that_goes_away_gets_the_answers_it_waits_for(client: WireClient) -> None:
    streams = [client.call(b"wait 0.2") for _ in range(3)]
    client.send_goaway()
    assert [client.reply(stream).message for stream in streams] == [b"waited"] * 3


def test_pings_never_count_as_abuse(client: WireClient) -> None:
    """An Envoy with connection_keepalive sends them, also while nothing else happens."""
    for _ in range(50):
        client.ping()
        client.receive_until(lambda before=client.pings: client.pings > before)
    stream = client.call(b"wait 0.2")
    for _ in range(50):
        client.ping()
    assert client.reply(stream).message == b"waited"
    client.receive_until(lambda: client.pings == 100)
    assert client.goaway is None


@pytest.mark.parametrize("frame", ["ping", pytest.param("settings", marks=pytest.mark.slow)])
def test_a_flood_of_frames_that_want_an_answer(served: Served, frame: str) -> None:
    """A client that reads none of the answers is not read from any more (CVE-2019-9512, CVE-2019-9515)."""
    with connect(served.tcp) as flooded, WireClient(served.tcp) as other:
        with pytest.raises(TimeoutError):
            _send_without_reading(flooded, _WANT_AN_ANSWER[frame])
        assert other.ask(b"still there").message == b"still there"


def test_bytes_that_are_no_http2_close_the_connection(served: Served) -> None:
    for junk in (b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"\x16\x03\x01" * 100, b"\0" * 1000):
        with connect(served.tcp) as wire:
            wire.sendall(junk)
            wait_until(lambda wire=wire: _is_closed(wire))
    with WireClient(served.tcp) as client:
        assert client.ask(b"still there").message == b"still there"


def test_a_client_that_says_nothing_is_hung_up_on(serve: Serve, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_options(monkeypatch, ("grpc.server_handshake_timeout_ms", 200))
    serve(f"unix:{path}")
    with connect(f"unix:{path}") as silent:
        wait_until(lambda: _is_closed(silent))


@pytest.mark.slow
def test_a_peer_that_is_gone_is_noticed(serve: Serve, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that lost its power: its connection is there, and nobody answers."""
    with_options(monkeypatch, ("grpc.keepalive_time_ms", 1000), ("grpc.http2.ping_timeout_ms", 200))
    serve(f"unix:{path}")
    with WireClient(f"unix:{path}") as living, WireClient(f"unix:{path}") as dead:
        assert living.ask(b"hello").message == b"hello"
        deadline = time.monotonic() + 10
        while not _is_closed(dead.socket):
            assert time.monotonic() < deadline
            assert living.ask(b"hello").message == b"hello"
        assert living.goaway is None


def with_options(monkeypatch: pytest.MonkeyPatch, *options: tuple[str, int]) -> None:
    """Shorter times than a test has patience for."""
    names = {name for name, _ in options}
    kept = [option for option in channel_options._OPTIONS if option[0] not in names]
    monkeypatch.setattr(channel_options, "_OPTIONS", (*kept, *options))


def _send_without_reading(wire: socket.socket, frame: bytes) -> None:
    """TimeoutError when the server takes no more of it."""
    wire.sendall(frames.OPENING + frames.frame(frames.SETTINGS, frames.ACK, 0, b""))
    wire.settimeout(0.5)
    for _ in range(_FLOOD // (1000 * len(frame))):
        wire.sendall(frame * 1000)


def _is_closed(wire: socket.socket) -> bool:
    """Whether the server has hung up; reads what it said before."""
    wire.settimeout(0.01)
    try:
        return not wire.recv(65536)
    except TimeoutError:
        return False
    except ConnectionError:
        return True
