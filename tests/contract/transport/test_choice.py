"""Choosing a transport: the lean one where it works, and a fallback where it does not."""

import pytest
from grpc._cython import cygrpc

from extauth.serving.lean import LeanTransport
from extauth.serving.stock import StockTransport
from extauth.serving.transport import TransportOptions
from extauth.serving.transport_choice import choose

OPTIONS = TransportOptions(("unix:/nowhere/x.sock",), socket_mode=0o600, timeout=1, max_message_size=10_000, threads=2)


class Handler:
    def decide(self, message: bytes, deadline: float) -> bytes:
        return message

    def unavailable(self, message: bytes) -> bytes:
        return message


def test_what_is_wanted_is_chosen() -> None:
    name, transport = choose("stock", Handler(), OPTIONS)
    assert (name, type(transport)) == ("stock", StockTransport)
    name, transport = choose("lean", Handler(), OPTIONS)
    assert (name, type(transport)) == ("lean", LeanTransport)


def test_a_grpcio_with_another_inside_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cygrpc, "ReceiveMessageOperation")
    name, transport = choose("lean", Handler(), OPTIONS)
    assert (name, type(transport)) == ("stock", StockTransport)
