"""One HTTP/2 connection that asks, and hands its answers to a Result."""

import socket
from collections.abc import Iterator

from tests.bench.load import frames
from tests.bench.load.answers import Answers, GrpcAnswers, HttpAnswers
from tests.bench.load.requests import Requests
from tests.bench.load.result import Result

_READ = 262_144  # bytes
_LAST_STREAM = 2**31 - 1
_PATIENCE = 5.0  # seconds to connect


class Connection:
    """`ask` only writes down what to send; `flush` sends it. Times are those of one clock, whichever it is."""

    def __init__(self, requests: Requests, wires: Iterator[tuple[bytes, ...]], streams: int) -> None:
        self.result = Result()
        self.waiting: dict[int, float] = {}
        """When each request under way was asked, or should have been, by stream."""
        self._wires = wires
        self._body = requests.body
        self._streams = streams
        self._answers: Answers = GrpcAnswers() if requests.grpc else HttpAnswers()
        self._next = 3
        self._window = frames.INITIAL_WINDOW - requests.body
        self._outgoing = [frames.OPENING, requests.priming]
        self._rest = b""
        self.open = True
        self.socket = _connect(requests.address)

    def fileno(self) -> int:
        return self.socket.fileno()

    @property
    def has_room(self) -> bool:
        """Whether another request may be sent now."""
        return self.open and len(self.waiting) < self._streams and self._window >= self._body

    @property
    def has_output(self) -> bool:
        return self.open and bool(self._outgoing)

    def ask(self, asked: float) -> None:
        stream = self._next
        self._next = stream + 2
        self._window -= self._body
        self.waiting[stream] = asked
        self._outgoing.append(stream.to_bytes(4, "big").join(next(self._wires)))

    def flush(self) -> None:
        data = b"".join(self._outgoing)
        self._outgoing.clear()
        try:
            sent = self.socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._end(type(error).__name__)
            return
        if sent < len(data):
            self._outgoing.append(data[sent:])

    def receive(self, now: float) -> None:
        """Take what has come; an answer has come at `now`."""
        try:
            data = self.socket.recv(_READ)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(type(error).__name__)
            return
        if not data:
            self._end("closed")
            return
        self._rest = self._take(self._rest + data if self._rest else data, now)

    def close(self) -> None:
        """What is still under way was never answered."""
        self._end("not answered")

    def _take(self, data: bytes, now: float) -> bytes:
        """Handle all whole frames; return the beginning of one that is not."""
        offset, size = 0, len(data)
        while size - offset >= frames.HEADER_BYTES:
            length, kind, flags, stream = frames.read_head(data, offset)
            start = offset + frames.HEADER_BYTES
            if start + length > size:
                break
            offset = start + length
            if kind == frames.HEADERS:
                self._answers.headers(stream, data[start:offset])
            elif kind == frames.DATA:
                self._answers.data(stream, data[start:offset])
            else:
                self._control(kind, flags, stream, data[start:offset])
                continue
            if flags & frames.END_STREAM:
                self._finish(stream, self._answers.fault(stream), now)
        return data[offset:]

    def _control(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == frames.WINDOW_UPDATE and stream == 0:
            self._window += int.from_bytes(payload, "big")
        elif kind == frames.SETTINGS and not flags & frames.ACK:
            self._outgoing.append(frames.frame(frames.SETTINGS, frames.ACK, 0, b""))
        elif kind == frames.PING and not flags & frames.ACK:
            self._outgoing.append(frames.frame(frames.PING, frames.ACK, 0, payload))
        elif kind == frames.RST_STREAM:
            self._answers.fault(stream)
            self._finish(stream, "reset", 0)
        elif kind == frames.GOAWAY:
            self.open = False

    def _finish(self, stream: int, fault: str | None, now: float) -> None:
        asked = self.waiting.pop(stream, None)
        if asked is None:  # the priming request is not counted
            return
        if fault is None:
            self.result.latencies.append(now - asked)
        else:
            self.result.errors[fault] += 1

    def _end(self, fault: str) -> None:
        self.open = False
        self.socket.close()
        self.result.errors[fault] += len(self.waiting)
        self.waiting.clear()


def _connect(address: str) -> socket.socket:
    path = address.removeprefix("unix:")
    if path != address:
        found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        found.settimeout(_PATIENCE)
        found.connect(path)
    else:
        host, _, port = address.rpartition(":")
        found = socket.create_connection((host, int(port)), timeout=_PATIENCE)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    found.setblocking(False)
    return found
