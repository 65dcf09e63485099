"""Choosing a transport: the lean one where it works, and a fallback where it does not."""

import ast
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from grpc._cython import cygrpc

from extauth.serving import call, completion_queue, lean_trial, private_names
from extauth.serving.lean import LeanTransport
from extauth.serving.stock import StockTransport
from extauth.serving.transport import TransportOptions
from extauth.serving.transport_choice import choose
from tests.support.transport_handler import CommandHandler

OPTIONS = TransportOptions(("unix:/nowhere/x.sock",), socket_mode=0o600, timeout=1, max_message_size=10_000, threads=2)


def chosen(wanted: str = "lean") -> tuple[str, type]:
    name, transport = choose(wanted, CommandHandler(), OPTIONS)  # type: ignore[arg-type]
    return name, type(transport)


def test_what_is_wanted_is_chosen() -> None:
    assert chosen("stock") == ("stock", StockTransport)
    assert chosen("lean") == ("lean", LeanTransport)


@pytest.mark.parametrize("name", private_names.NAMES)
def test_a_grpcio_without_a_name_falls_back(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delattr(cygrpc, name)
    assert name in (lean_trial.fault_of_lean() or "")
    if name not in {"CompletionQueue", "Server"}:  # without these there is no server of grpcio's either
        assert chosen() == ("stock", StockTransport)


@pytest.mark.parametrize(("name", "members"), private_names.NAMES.items())
def test_a_grpcio_without_a_member_falls_back(
    monkeypatch: pytest.MonkeyPatch, name: str, members: tuple[str, ...]
) -> None:
    for member in members:
        without = {other: None for other in members if other != member}
        monkeypatch.setattr(cygrpc, name, type(name, (), without))
        assert lean_trial.fault_of_lean() == f"grpc._cython.cygrpc has no {name}.{member}"


def test_the_table_of_names_is_all_that_is_used() -> None:
    used = set(_used_of_cygrpc(completion_queue)) | set(_used_of_cygrpc(call))
    events = {"BatchOperationEvent", "ConnectivityEvent", "RequestCallEvent", "Call", "CallDetails"}
    assert used == set(private_names.NAMES) - events, "events and calls are made by cygrpc, and never named"


_BROKEN = {
    "poll raises": "class CompletionQueue(real.CompletionQueue):\n  def poll(self, deadline=None): raise OSError('no')",
    "poll has no deadline": """
        class CompletionQueue(real.CompletionQueue):
          def poll(self, deadline=None): return super().poll(None)
    """,
    "no request ever comes": "class Server(real.Server):\n  def request_call(self, *parts): pass",
    "no message ever comes": "class ReceiveMessageOperation(real.ReceiveMessageOperation):\n  def message(self): pass",
    "messages come as text": """
        class ReceiveMessageOperation(real.ReceiveMessageOperation):
          def message(self): return super().message().decode()
    """,
    "answers are others": """
        def SendMessageOperation(message, flags): return real.SendMessageOperation(b"", flags)
    """,
    "statuses are others": """
        def SendStatusFromServerOperation(metadata, code, details, flags):
          return real.SendStatusFromServerOperation(metadata, 0, details, flags)
    """,
    "operations take other parts": "def SendMessageOperation(message): return real.SendMessageOperation(message, 0)",
    "it never shuts down": "class Server(real.Server):\n  def shutdown(self, queue, tag): pass",
    "calls are not cancelled": "class Server(real.Server):\n  def cancel_all_calls(self): pass",
}


@pytest.mark.slow
@pytest.mark.parametrize("broken", _BROKEN)
def test_a_grpcio_that_does_something_else_falls_back_in_time(broken: str) -> None:
    """In a process of its own: what is broken need not end."""
    script = f"""\
import os
from types import SimpleNamespace
from grpc._cython import cygrpc
real = SimpleNamespace(**vars(cygrpc))
names = dict(vars())
{textwrap.dedent(_BROKEN[broken]).strip()}
for name in set(vars()) & set(dir(cygrpc)) - set(names):
    setattr(cygrpc, name, vars()[name])
from tests.contract.transport.test_choice import chosen
print(*chosen(), flush=True)
os._exit(0)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert "StockTransport" in done.stdout, done.stderr
    assert "lean_transport_does_not_work_here" in done.stdout + done.stderr


def _used_of_cygrpc(module: object) -> Iterator[str]:
    """Names that a module's text takes from cygrpc."""
    text = Path(str(module.__file__)).read_text()  # type: ignore[attr-defined]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "cygrpc":
            yield node.attr
    assert not re.search(r"getattr\(cygrpc", text)
