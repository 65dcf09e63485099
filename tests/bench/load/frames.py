"""HTTP/2 frames (RFC 9113), as far as a client needs them that sends the same requests again and again."""

import struct

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM = ACK = 0x1
END_HEADERS = 0x4

HEADER_BYTES = 9
INITIAL_WINDOW = 65_535
"""Bytes that may be sent on a connection until its peer allows more."""

_LARGEST_WINDOW = 2**31 - 1
_ENABLE_PUSH, _INITIAL_WINDOW_SIZE = 2, 4  # names of settings
_LENGTH_AND_TYPE = struct.Struct(">HBBBL")


def head(kind: int, flags: int, length: int) -> bytes:
    """A frame's header up to its stream's id."""
    return length.to_bytes(3, "big") + bytes((kind, flags))


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return head(kind, flags, len(payload)) + stream.to_bytes(4, "big") + payload


def read_head(data: bytes, offset: int) -> tuple[int, int, int, int]:
    """Length of the payload, type, flags, stream."""
    high, low, kind, flags, stream = _LENGTH_AND_TYPE.unpack_from(data, offset)
    return high << 8 | low, kind, flags, stream & 0x7FFFFFFF


OPENING = (
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    + frame(SETTINGS, 0, 0, struct.pack(">HLHL", _ENABLE_PUSH, 0, _INITIAL_WINDOW_SIZE, _LARGEST_WINDOW))
    + frame(WINDOW_UPDATE, 0, 0, struct.pack(">L", _LARGEST_WINDOW - INITIAL_WINDOW))
)
"""What a client begins with. The windows are as large as can be: no benchmark run receives 2 GiB on a connection."""
