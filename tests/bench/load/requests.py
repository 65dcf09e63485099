"""What is sent: requests that differ in their key alone, encoded ahead."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from hpack import Encoder, NeverIndexedHeaderTuple

from extauth.serving.transport import CHECK_METHOD, CHECK_SERVICE
from tests.bench.load.frames import DATA, END_HEADERS, END_STREAM, HEADERS, frame, head

Pairs = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Requests:
    """All requests of one load."""

    address: str
    """unix:/path or host:port."""
    priming: bytes
    """Sent once on a connection, as stream 1: it fills the server's table of headers."""
    wires: Sequence[Sequence[bytes]]
    """Requests in parts: joined by a stream's id they are what to send."""
    body: int
    """Bytes that the largest one takes from the connection's window."""
    grpc: bool


def checks(address: str, messages: Sequence[bytes], timeout: str = "250m") -> Requests:
    """Check calls as Envoy makes them, `timeout` as in grpc-timeout."""
    headers = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", f"/{CHECK_SERVICE}/{CHECK_METHOD}"),
        (":authority", "extauth"),
        ("te", "trailers"),
        ("grpc-timeout", timeout),
        ("content-type", "application/grpc"),
        ("x-envoy-internal", "true"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-envoy-expected-rq-timeout-ms", "250"),
    ]
    encoder = Encoder()
    first, block = encoder.encode(headers), encoder.encode(headers)
    bodies = [b"\0" + len(message).to_bytes(4, "big") + message for message in messages]
    priming = frame(HEADERS, END_HEADERS, 1, first) + frame(DATA, END_STREAM, 1, bodies[0])
    wires = [
        (head(HEADERS, END_HEADERS, len(block)), block + head(DATA, END_STREAM, len(body)), body) for body in bodies
    ]
    return Requests(address, priming, wires, max(map(len, bodies)), grpc=True)


def gets(url: str, headers: Pairs, key_header: str, keys: Sequence[str]) -> Requests:
    """GET with each of the keys in turn."""
    place = urlsplit(url)
    common = [(":method", "GET"), (":scheme", "http"), (":path", place.path), (":authority", place.netloc), *headers]
    encoder = Encoder()
    first = encoder.encode(common)
    blocks = [encoder.encode([*common, NeverIndexedHeaderTuple(key_header, key)]) for key in keys]
    wires = [(head(HEADERS, END_HEADERS | END_STREAM, len(block)), block) for block in blocks]
    return Requests(place.netloc, frame(HEADERS, END_HEADERS | END_STREAM, 1, first), wires, 0, grpc=False)
