"""Messages of every shape: what is a CheckRequest is for the handler to say, what is a message is ours."""

import gzip

import grpc
import pytest

from tests.contract.transport.conftest import Call, Served
from tests.support.transports import LARGEST_MESSAGE
from tests.support.wire_client import CHECK, Reply, WireClient, framed

_INTERNAL = grpc.StatusCode.INTERNAL.value[0]
_UNIMPLEMENTED = grpc.StatusCode.UNIMPLEMENTED.value[0]
_RESOURCE_EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]


@pytest.fixture(autouse=True)
def still_serves(client: WireClient) -> object:
    """Whatever came before, on the same connection."""
    yield
    assert client.ask(b"still there").message == b"still there"


def refused(reply: Reply) -> int | None:
    """Its status; without a message, which Envoy might read as an ALLOW."""
    assert reply.data == b""
    return reply.status


@pytest.mark.parametrize(
    "method",
    [
        f"{CHECK}2",
        CHECK.lower(),
        CHECK.removeprefix("/"),
        "/other.Service/Check",
        "/",
        "//",
        "/a/b/c",
        "*",
        "/" + "x" * 5000,
    ],
)
def test_other_methods_are_unimplemented(client: WireClient, method: str) -> None:
    assert refused(client.ask(b"hello", method)) == _UNIMPLEMENTED


def test_what_is_no_check_request_is_the_handlers_to_answer(client: WireClient) -> None:
    for message in (b"\xff" * 50, b"\x00", b""):
        assert client.ask(message).message == message


def test_a_message_over_the_limit_is_refused(client: WireClient) -> None:
    assert refused(client.ask(b"x" * (LARGEST_MESSAGE + 1))) == _RESOURCE_EXHAUSTED
    assert client.ask(b"x" * LARGEST_MESSAGE).message == b"x" * LARGEST_MESSAGE


def test_a_length_over_the_limit_is_refused_before_the_message_has_come(client: WireClient) -> None:
    stream = client.open()
    client.send(stream, framed(b"xyz", announced=2**32 - 1), end=False)
    assert refused(client.reply(stream)) == _RESOURCE_EXHAUSTED


def test_compressed_messages_are_read(call: Call, client: WireClient, channel: grpc.Channel) -> None:
    check: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(CHECK)
    assert check(b"a" * 5000, timeout=10, compression=grpc.Compression.Gzip) == b"a" * 5000
    assert check(b"a" * 5000, timeout=10, compression=grpc.Compression.Deflate) == b"a" * 5000


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (gzip.compress(b"a" * 1_000_000), _RESOURCE_EXHAUSTED),
        (b"this is no gzip", _INTERNAL),
        (gzip.compress(b"a" * 5000)[:-10], _INTERNAL),
    ],
    ids=["a bomb", "not compressed", "cut short"],
)
def test_a_compressed_message_that_cannot_be_read_is_refused(client: WireClient, message: bytes, status: int) -> None:
    stream = client.open(headers=[("grpc-encoding", "gzip")])
    client.send(stream, framed(message, compressed=True))
    assert refused(client.reply(stream)) == status


def test_an_encoding_that_is_not_known_is_refused(client: WireClient) -> None:
    stream = client.open(headers=[("grpc-encoding", "zstd")])
    client.send(stream, framed(b"hello", compressed=True))
    assert refused(client.reply(stream)) == _INTERNAL


def test_a_compressed_message_of_no_encoding_is_refused_or_taken_as_it_is(client: WireClient) -> None:
    """It is refused from grpcio 1.85 on."""
    stream = client.open()
    client.send(stream, framed(b"hello", compressed=True))
    reply = client.reply(stream)
    assert reply.status == _INTERNAL or reply.message == b"hello"


def test_a_call_without_a_message_is_refused(client: WireClient, served: Served) -> None:
    before = len(served.handler.messages)
    assert refused(client.reply(client.open(end=True))) == _UNIMPLEMENTED
    stream = client.open()
    client.half_close(stream)
    assert refused(client.reply(stream)) == _UNIMPLEMENTED
    assert len(served.handler.messages) == before


@pytest.mark.parametrize("piece", [b"\x00", b"\x00\x00\x00\x00", framed(b"deadline", announced=20)])
def test_a_part_of_a_message_is_no_message(client: WireClient, served: Served, piece: bytes) -> None:
    before = len(served.handler.messages)
    stream = client.open()
    client.send(stream, piece)
    assert refused(client.reply(stream)) in {_UNIMPLEMENTED, _INTERNAL}
    for _ in range(20):
        stream = client.open()
        client.send(stream, piece, end=False)
        client.reset(stream)
    client.ask(b"hello")
    assert len(served.handler.messages) == before


def test_a_message_may_come_byte_by_byte(client: WireClient) -> None:
    stream = client.open()
    for byte in framed(b"hello"):
        client.send(stream, bytes([byte]), end=False)
    client.half_close(stream)
    assert client.reply(stream).message == b"hello"


def test_a_client_that_never_closes_its_half_is_answered(client: WireClient) -> None:
    stream = client.open()
    client.send(stream, framed(b"hello"), end=False)
    assert client.reply(stream).message == b"hello"


def test_a_second_message_is_ignored(client: WireClient, served: Served) -> None:
    before = len(served.handler.messages)
    stream = client.open()
    client.send(stream, framed(b"deadline") + framed(b"raise"))
    assert float(client.reply(stream).message) > 0
    assert len(served.handler.messages) == before + 1


@pytest.mark.slow
def test_headers_that_are_too_large_do_no_harm(client: WireClient) -> None:
    stream = client.open(headers=[("x-long", "y" * 100_000)])
    client.send(stream, framed(b"hello"))
    assert client.reply(stream).status in {0, _RESOURCE_EXHAUSTED}


def test_a_header_that_is_not_ascii_does_no_harm(client: WireClient) -> None:
    stream = client.open(headers=[("x-odd", "caf\u00e9"), ("x-odd-bin", "not base64!")])
    client.send(stream, framed(b"hello"))
    assert client.reply(stream).ended
