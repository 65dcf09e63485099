"""A connection that asks with frames made ahead: ten thousand calls a second, each with an answer of its own."""

import select
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable

import hpack

from tests.bench.load import frames
from tests.bench.load.frames import frame
from tests.support.wire_client import CHECK, connect, framed

_CANCEL = struct.pack(">L", 8)
_MESSAGE_HEAD = 5  # bytes: a flag and a length
_READ = 1 << 20  # bytes
_INDEXED = 0x80  # RFC 7541, 6.1: one byte for a whole header, with an index below 127

Ended = Callable[[int, "Outcome"], None]
Outcome = tuple[int | str, bytes]
"""grpc-status, or how the stream was reset; and the message."""


def block(timeout: str = "20S") -> bytes:
    """The headers of a Check, in a form that neither side remembers: the same for every stream."""
    pairs = (
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", CHECK.encode()),
        (b":authority", b"extauth"),
        (b"te", b"trailers"),
        (b"content-type", b"application/grpc"),
        (b"grpc-timeout", timeout.encode()),
    )
    # RFC 7541, 6.2.2; a length below 127 is one byte.
    return b"".join(b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value for name, value in pairs)


_BLOCK = block()


class Asker:
    """Does not block, but for `exchange`. `ended` is told of each stream that was not cancelled."""

    def __init__(self, target: str, ended: Ended) -> None:
        self.socket = connect(target)
        self.socket.setblocking(False)
        self.is_open = True
        self.is_welcome = True
        """Until the server asks this client to go."""
        self.under_way: set[int] = set()
        self._ended = ended
        self._next = 1
        self._window = frames.INITIAL_WINDOW
        self._outgoing = [frames.OPENING]
        self._rest = b""
        self._statuses = _Statuses()
        self._answers: dict[int, bytes] = {}
        self._settled = False
        while not self._settled:  # until the server's settings hold
            self.exchange(1)

    def fileno(self) -> int:
        return self.socket.fileno()

    @property
    def has_room(self) -> bool:
        """Whether the server takes more bytes of messages."""
        return self._window > 1000

    @property
    def has_output(self) -> bool:
        return bool(self._outgoing)

    def open(self, headers: bytes = _BLOCK) -> int:
        stream, self._next = self._next, self._next + 2
        self.under_way.add(stream)
        self._outgoing.append(frame(frames.HEADERS, frames.END_HEADERS, stream, headers))
        return stream

    def ask(self, message: bytes, headers: bytes = _BLOCK) -> int:
        stream = self.open(headers)
        data = framed(message)
        self._window -= len(data)
        self._outgoing.append(frame(frames.DATA, frames.END_STREAM, stream, data))
        return stream

    def cancel(self, stream: int) -> None:
        self.under_way.discard(stream)
        self._answers.pop(stream, None)
        self._outgoing.append(frame(frames.RST_STREAM, 0, stream, _CANCEL))

    def kill(self) -> None:
        """As a client that has crashed."""
        self.is_open = False
        self.under_way.clear()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def exchange(self, seconds: float) -> None:
        """Send and receive what can be; wait for it no longer than that."""
        readable, writable, _ = select.select([self], [self] if self.has_output else [], [], seconds)
        if writable:
            self.send()
        if readable and self.is_open:
            self.receive()

    def send(self) -> None:
        data = b"".join(self._outgoing)
        self._outgoing.clear()
        try:
            sent = self.socket.send(data)
        except BlockingIOError:
            sent = 0
        except ConnectionError:
            self._hung_up()
            return
        if sent < len(data):
            self._outgoing.append(data[sent:])

    def receive(self) -> None:
        try:
            data = self.socket.recv(_READ)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        if not data:
            self._hung_up()
            return
        self._rest = self._take(self._rest + data)

    def _take(self, data: bytes) -> bytes:
        offset, size = 0, len(data)
        while size - offset >= frames.HEADER_BYTES:
            length, kind, flags, stream = frames.read_head(data, offset)
            start = offset + frames.HEADER_BYTES
            if start + length > size:
                break
            offset = start + length
            self._frame(kind, flags, stream, data[start:offset])
        return data[offset:]

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == frames.HEADERS:
            status = self._statuses.read(payload)
            if flags & frames.END_STREAM:
                self._end(stream, -1 if status is None else status)
        elif kind == frames.DATA:
            self._answers[stream] = self._answers.get(stream, b"") + payload
        elif kind == frames.RST_STREAM:
            self._end(stream, f"reset {int.from_bytes(payload, 'big')}")
        elif kind == frames.WINDOW_UPDATE and stream == 0:
            self._window += int.from_bytes(payload, "big")
        elif kind == frames.SETTINGS and not flags & frames.ACK:
            self._outgoing.append(frame(frames.SETTINGS, frames.ACK, 0, b""))
        elif kind == frames.SETTINGS:
            self._settled = True
        elif kind == frames.GOAWAY:
            self.is_welcome = False
        elif kind == frames.PING and not flags & frames.ACK:
            self._outgoing.append(frame(frames.PING, frames.ACK, 0, payload))

    def _end(self, stream: int, status: int | str) -> None:
        answer = self._answers.pop(stream, b"")
        if stream in self.under_way:
            self.under_way.remove(stream)
            self._ended(stream, (status, answer[_MESSAGE_HEAD:]))

    def _hung_up(self) -> None:
        self.is_open = False
        self.socket.close()
        for stream in sorted(self.under_way):
            self._end(stream, "hung up")


class _Statuses:
    """grpc-status in header blocks. The same bytes mean the same while the table of headers stays as it is."""

    def __init__(self) -> None:
        self._decoder = hpack.Decoder()
        self._known: dict[bytes, int | None] = {}

    def read(self, block: bytes) -> int | None:
        if block in self._known:
            return self._known[block]
        found = dict(self._decoder.decode(block))
        status = int(found["grpc-status"]) if "grpc-status" in found else None
        if all(byte & _INDEXED for byte in block):
            self._known[block] = status
        else:
            self._known.clear()  # a header was added, and moved the others
        return status


def burst(target: str, connections: int, messages: list[bytes], seconds: float = 30) -> Counter[Outcome]:
    """Ask all messages on each connection, all at once; how they ended, and how often."""
    outcomes: Counter[Outcome] = Counter()
    askers = [Asker(target, lambda _stream, outcome: outcomes.update([outcome])) for _ in range(connections)]
    for asker in askers:
        for message in messages:
            asker.ask(message)
    _run(askers, seconds, lambda: not any(asker.under_way for asker in askers))
    for asker in askers:
        asker.socket.close()
    return outcomes


def refusals(target: str, streams: int, seconds: float = 10) -> Counter[Outcome]:
    """Open streams on one connection and leave them open; how those ended that did."""
    outcomes: Counter[Outcome] = Counter()
    asker = Asker(target, lambda _stream, outcome: outcomes.update([outcome]))
    for _ in range(streams):
        asker.open()
    asker.cancel(asker.ask(b"the last one"))
    quiet = time.monotonic() + 0.5
    _run([asker], seconds, lambda: not asker.has_output and time.monotonic() > quiet)
    asker.socket.close()
    return outcomes


def flood_of_resets(target: str, streams: int, message: bytes | None, seconds: float = 30) -> None:
    """Open streams and reset them at once, as fast as the server reads; with a message, or none."""
    asker = Asker(target, lambda _stream, _outcome: None)
    for number in range(streams):
        asker.cancel(asker.open() if message is None else asker.ask(message))
        if number % 500 == 0 or not asker.has_room:
            _run([asker], seconds, lambda: not asker.has_output and asker.has_room)
    _run([asker], seconds, lambda: not asker.has_output)
    asker.socket.close()


def _run(askers: list[Asker], seconds: float, done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"not done after {seconds} s"
        alive = [asker for asker in askers if asker.is_open]
        assert alive, "the server has hung up"
        readable, writable, _ = select.select(alive, [asker for asker in alive if asker.has_output], [], 0.1)
        for asker in writable:
            asker.send()
        for asker in readable:
            if asker.is_open:
                asker.receive()
