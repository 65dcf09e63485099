"""Whether an answer is the right one: a load of refusals must not pass for a fast one."""

from typing import Protocol

from hpack import Decoder

_ALLOWED = b"\x0a\x00"  # how a CheckResponse begins whose status is there, and 0
_MESSAGE_HEAD_BYTES = 5  # of gRPC: a flag and a length
_STATUS_200 = 0x88  # HPACK (RFC 7541, appendix A): entry 8 of the static table


class Answers(Protocol):
    """Those of one connection; `fault` is asked once for each stream, at its end."""

    def headers(self, stream: int, block: bytes) -> None: ...

    def data(self, stream: int, payload: bytes) -> None: ...

    def fault(self, stream: int) -> str | None:
        """None when the answer is right, else what it was in place of it."""
        ...


class GrpcAnswers:
    """Right is grpc-status 0 with a CheckResponse that allows."""

    def __init__(self) -> None:
        self._decoder = Decoder()
        self._statuses: dict[bytes, str | None] = {}
        self._faults: dict[int, str] = {}
        self._allowed: set[int] = set()

    def headers(self, stream: int, block: bytes) -> None:
        status = self._statuses[block] if block in self._statuses else self._decode(block)
        if status is not None and status != "0":
            self._faults[stream] = f"grpc-status {status}"

    def data(self, stream: int, payload: bytes) -> None:
        if payload.startswith(_ALLOWED, _MESSAGE_HEAD_BYTES):
            self._allowed.add(stream)

    def fault(self, stream: int) -> str | None:
        if stream in self._faults:
            return self._faults.pop(stream)
        if stream in self._allowed:
            self._allowed.remove(stream)
            return None
        return "not allowed"

    def _decode(self, block: bytes) -> str | None:
        """The grpc-status in a block, if any. A block that adds nothing to the table means the same next time."""
        entries = self._decoder.header_table.dynamic_entries
        newest = entries[0] if entries else None
        found = dict(self._decoder.decode(block))
        status = found.get("grpc-status")
        if entries and entries[0] is not newest:
            self._statuses.clear()
        else:
            self._statuses[block] = status
        return status


class HttpAnswers:
    """Right is status 200: it comes first in a block, and only there as one byte."""

    def __init__(self) -> None:
        self._wrong: set[int] = set()

    def headers(self, stream: int, block: bytes) -> None:
        if block[0] != _STATUS_200:
            self._wrong.add(stream)

    def data(self, stream: int, payload: bytes) -> None:
        """The body does not matter."""

    def fault(self, stream: int) -> str | None:
        if stream not in self._wrong:
            return None
        self._wrong.remove(stream)
        return "status not 200"
