"""Sockets: made, taken over, left alone."""

import socket
from pathlib import Path

import pytest

from extauth.serving.sockets import BindError
from tests.contract.transport.conftest import Serve, Served
from tests.support.transport_handler import CommandHandler
from tests.support.transports import make_transport
from tests.support.wire_client import WireClient


def fails_to_bind(name: str, address: str, reason: str) -> None:
    with pytest.raises(BindError, match=reason):
        make_transport(name, CommandHandler(), address).start()


def test_tcp_and_unix_are_served_together(served: Served) -> None:
    for target in (served.tcp, served.unix):
        with WireClient(target) as client:
            assert client.ask(b"here").message == b"here"


def test_a_unix_socket_has_the_mode_that_was_asked_for(serve: Serve, path: Path) -> None:
    serve(f"unix:{path}", socket_mode=0o640)
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_socket_left_by_a_killed_process_is_taken_over(serve: Serve, path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    serve(f"unix:{path}")
    with WireClient(f"unix:{path}") as client:
        assert client.ask(b"here").message == b"here"


def test_a_socket_that_somebody_serves_is_left_alone(name: str, served: Served) -> None:
    fails_to_bind(name, served.unix, "another process does already")
    with WireClient(served.unix) as client:
        assert client.ask(b"still there").message == b"still there"


def test_a_file_in_place_of_the_socket_is_left_alone(name: str, path: Path) -> None:
    path.write_text("precious")
    fails_to_bind(name, f"unix:{path}", "a file that is not a socket")
    assert path.read_text() == "precious"


def test_a_directory_that_does_not_exist_is_named(name: str, tmp_path: Path) -> None:
    fails_to_bind(name, f"unix:{tmp_path}/missing/x.sock", r"the directory .*/missing does not exist")


def test_a_port_in_use_is_named(name: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        fails_to_bind(name, address, f"cannot listen on {address}")
