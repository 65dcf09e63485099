"""A gRPC client that is driven frame by frame, and so can do what a well-behaved one never does."""

import socket
import struct
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.settings

from extauth.serving.transport import CHECK_METHOD, CHECK_SERVICE
from tests.bench.load import frames

CHECK = f"/{CHECK_SERVICE}/{CHECK_METHOD}"
_PATIENCE = 30.0  # seconds
_READ = 262_144  # bytes
_GZIP = 1


def connect(target: str) -> socket.socket:
    """A stream to unix:/path or host:port."""
    path = target.removeprefix("unix:")
    if path == target:
        host, _, port = target.rpartition(":")
        found = socket.create_connection((host, int(port)), timeout=_PATIENCE)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return found
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    found.settimeout(_PATIENCE)
    try:
        found.connect(path)
    except OSError:
        found.close()
        raise
    return found


def framed(message: bytes, *, announced: int | None = None, compressed: bool = False) -> bytes:
    """A gRPC message: flag, length, bytes. `announced` is a length that may be a lie."""
    flag = _GZIP if compressed else 0
    return struct.pack(">BL", flag, len(message) if announced is None else announced) + message


@dataclass
class Reply:
    """How a stream ended."""

    headers: dict[str, str] = field(default_factory=dict)
    """Of the header block and the trailers."""
    data: bytes = b""
    reset: int | None = None
    """The code of RST_STREAM when the server ended the stream so."""
    ended: bool = False

    @property
    def status(self) -> int | None:
        return int(self.headers["grpc-status"]) if "grpc-status" in self.headers else None

    @property
    def message(self) -> bytes:
        """The only message of a call that went well."""
        assert self.status == 0, self
        flag, length = struct.unpack_from(">BL", self.data)
        assert (flag, length) == (0, len(self.data) - 5), self
        return self.data[5:]


class WireClient:
    """One connection; a context that closes it."""

    def __init__(self, target: str) -> None:
        self.socket = connect(target)
        config = h2.config.H2Configuration(header_encoding="latin-1", validate_outbound_headers=False)
        self.h2 = h2.connection.H2Connection(config)
        self.replies: dict[int, Reply] = {}
        self.pings = 0
        """Pings answered by the server."""
        self.goaway: bytes | None = None
        """What the server said last when it wanted this client to go: a stream's id, a code, and text."""
        self._rest = b""
        self.closed = False
        self.h2.initiate_connection()
        self.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def open(
        self,
        path: str = CHECK,
        *,
        timeout: str | None = "10S",
        headers: Iterable[tuple[str, str]] = (),
        end: bool = False,
    ) -> int:
        """Send the headers of a call; its stream. `timeout` as in grpc-timeout, `end` closes our half."""
        stream = self.h2.get_next_available_stream_id()
        pairs = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "extauth")]
        pairs += [("te", "trailers"), ("content-type", "application/grpc")]
        pairs += [("grpc-timeout", timeout)] if timeout else []
        self.h2.send_headers(stream, [*pairs, *headers], end_stream=end)
        self.replies[stream] = Reply()
        self.flush()
        return stream

    def send(self, stream: int, data: bytes, *, end: bool = True) -> None:
        """Send bytes of a stream: `framed` ones are a message."""
        size = self.h2.max_outbound_frame_size
        for start in range(0, max(len(data), 1), size):
            piece = data[start : start + size]
            assert self.has_room(stream, len(piece)), "the server takes no more"
            self.h2.send_data(stream, piece, end_stream=end and start + size >= len(data))
            self.flush()

    def call(self, message: bytes, path: str = CHECK, *, timeout: str | None = "10S") -> int:
        """Begin a whole call; its stream."""
        stream = self.open(path, timeout=timeout)
        self.send(stream, framed(message))
        return stream

    def send_message(self, stream: int, message: bytes) -> None:
        """And close our half."""
        self.send(stream, framed(message))

    def ask(self, message: bytes, path: str = CHECK, *, timeout: str | None = "10S") -> Reply:
        return self.reply(self.call(message, path, timeout=timeout))

    def half_close(self, stream: int) -> None:
        self.h2.end_stream(stream)
        self.flush()

    def reset(self, stream: int, code: h2.errors.ErrorCodes = h2.errors.ErrorCodes.CANCEL) -> None:
        self.h2.reset_stream(stream, code)
        self.flush()

    def ping(self) -> None:
        self.h2.ping(b"01234567")
        self.flush()

    def take_nothing(self) -> None:
        """Let the server send no message on streams that are opened from now on."""
        self.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
        self.flush()
        self.receive_until(lambda: self.h2.local_settings.initial_window_size == 0)

    def has_room(self, stream: int, size: int, seconds: float = _PATIENCE) -> bool:
        """Whether the server takes that many bytes of a stream, now or soon."""
        deadline = time.monotonic() + seconds
        while self.h2.local_flow_control_window(stream) < size and (left := deadline - time.monotonic()) > 0:
            self.socket.settimeout(left)
            self._receive()
        self.socket.settimeout(_PATIENCE)
        return self.h2.local_flow_control_window(stream) >= size

    def send_goaway(self) -> None:
        """Tell the server that this client goes; streams under way stay."""
        self.socket.sendall(struct.pack(">HBBBLLL", 0, 8, 7, 0, 0, 0, 0))

    def kill(self) -> None:
        """End the connection as a crashed client does: with RST where there is TCP."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def flush(self) -> None:
        self.socket.sendall(self.h2.data_to_send())

    def reply(self, stream: int) -> Reply:
        """Wait for the end of a stream."""
        self.receive_until(lambda: self.replies[stream].ended)
        return self.replies[stream]

    def receive_until(self, holds: Callable[[], object], seconds: float = _PATIENCE) -> None:
        """Receive until `holds()`; AssertionError when it does not in time, or the server hangs up before."""
        deadline = time.monotonic() + seconds
        while not holds():
            left = deadline - time.monotonic()
            assert left > 0, f"nothing of the kind within {seconds} s: {self.replies}"
            self.socket.settimeout(left)
            self._receive()
            assert holds() or not self.closed, f"the server closed the connection: {self.goaway} {self.replies}"
        self.socket.settimeout(_PATIENCE)

    def receive_until_closed(self) -> None:
        """Until the server hangs up."""
        while not self.closed:
            self._receive()

    def _receive(self) -> None:
        try:
            data = self.socket.recv(_READ)
        except TimeoutError:
            return
        except ConnectionError:
            data = b""
        self.closed = not data
        for event in self.h2.receive_data(self._without_goaway(data)):
            self._take(event)
        with suppress(OSError):  # the server may have gone
            self.flush()

    def _take(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.ResponseReceived() | h2.events.TrailersReceived():
                self.replies[event.stream_id].headers.update((str(name), str(value)) for name, value in event.headers)
            case h2.events.DataReceived():
                self.replies[event.stream_id].data += event.data
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.StreamEnded():
                self.replies[event.stream_id].ended = True
            case h2.events.StreamReset():
                self.replies[event.stream_id].reset = int(event.error_code)
                self.replies[event.stream_id].ended = True
            case h2.events.PingAckReceived():
                self.pings += 1

    def _without_goaway(self, data: bytes) -> bytes:
        """Whole frames only; after a GOAWAY h2 would take nothing more, though answers are still to come."""
        self._rest += data
        taken = []
        while len(self._rest) >= frames.HEADER_BYTES:
            length, kind, _, _ = frames.read_head(self._rest, 0)
            size = frames.HEADER_BYTES + length
            if len(self._rest) < size:
                break
            if kind == frames.GOAWAY:
                self.goaway = self._rest[frames.HEADER_BYTES : size]
            else:
                taken.append(self._rest[:size])
            self._rest = self._rest[size:]
        return b"".join(taken)
