"""What uvicorn leaves open: heads of requests that never end, and what is no HTTP at all."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from extauth.registry import http_server
from extauth.registry.http_server import HttpServer
from tests.support.wait import wait_until


async def application(_scope: object, _receive: object, send: Callable[..., object]) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})  # type: ignore[misc] # as ASGI has it
    await send({"type": "http.response.body", "body": b""})  # type: ignore[misc]


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """To a server that waits for a head no longer than a quarter of a second."""
    monkeypatch.setattr(http_server, "_HEAD_DEADLINE", 0.25)
    server = HttpServer(application, "127.0.0.1:0")
    server.start()
    host, _, port = server.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        yield connection
    server.stop()


def test_a_connection_that_says_nothing_is_closed(connection: socket.socket) -> None:
    assert connection.recv(100) == b""


def test_a_head_that_does_not_end_is_given_up(connection: socket.socket) -> None:
    connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n")
    assert connection.recv(100) == b""


def test_a_second_head_that_does_not_end_is_given_up(connection: socket.socket) -> None:
    connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    assert connection.recv(1000).startswith(b"HTTP/1.1 204")
    connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n")
    assert connection.recv(100) == b""


def test_a_whole_head_is_answered_and_the_connection_kept(connection: socket.socket) -> None:
    for _ in range(3):
        connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 204")


@pytest.mark.parametrize("said", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01"])
def test_what_is_no_http_is_told_so(connection: socket.socket, said: bytes) -> None:
    connection.sendall(said + b"\r\n\r\n")
    answer = b""
    while part := connection.recv(1000):
        answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert b"content-type: application/problem+json" in head.lower()
    assert json.loads(body)["status"] == 400


def test_too_many_connections_are_told_to_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "_MOST_CONNECTIONS", 3)
    server = HttpServer(application, "127.0.0.1:0")
    server.start()
    host, _, port = server.address.rpartition(":")

    def ask(connection: socket.socket) -> bytes:
        connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        return connection.recv(2000)

    with ExitStack() as opened:
        connections = [opened.enter_context(socket.create_connection((host, int(port)), 10)) for _ in range(3)]
        assert [ask(connection)[:12] for connection in connections] == [b"HTTP/1.1 204"] * 3
        with socket.create_connection((host, int(port)), 10) as one_more:
            answer = ask(one_more).lower()
        assert answer.startswith(b"http/1.1 503")
        for header in (b"content-type: application/problem+json", b"retry-after: 1", b"x-frame-options: deny"):
            assert header in answer
        wait_until(lambda: ask(connections[0])[:12] == b"HTTP/1.1 204")
    server.stop()
