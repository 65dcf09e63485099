"""What grpcio is told before it is imported."""

import os
import subprocess
import sys

import pytest

from extauth.serving.grpc_environment import prepare_grpc

UNIX, TCP = "unix:/run/extauth.sock", "127.0.0.1:9001"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GRPC_EXPERIMENTS", "GRPC_VERBOSITY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ([UNIX], "-event_engine_listener"),
        ([UNIX, UNIX], "-event_engine_listener"),
        ([UNIX, TCP], None),
        ([TCP], None),
    ],
)
def test_sockets_are_read_by_the_thread_that_serves_where_all_are_unix_sockets(
    addresses: list[str], expected: str | None
) -> None:
    prepare_grpc(addresses)
    assert os.environ.get("GRPC_EXPERIMENTS") == expected
    assert os.environ["GRPC_VERBOSITY"] == "ERROR"


def test_what_is_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRPC_EXPERIMENTS", "something")
    monkeypatch.setenv("GRPC_VERBOSITY", "DEBUG")
    prepare_grpc([UNIX])
    assert (os.environ["GRPC_EXPERIMENTS"], os.environ["GRPC_VERBOSITY"]) == ("something", "DEBUG")


def test_the_command_imports_grpc_no_earlier() -> None:
    script = "import sys, extauth.cli.serve; sys.exit('grpc' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30)
