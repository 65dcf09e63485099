"""The lines of a log: a file or standard input, plain or compressed with gzip."""

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from extauth.simulate.errors import LogError

STDIN = "-"
_GZIP = b"\x1f\x8b"
_LONGEST = 1 << 20  # bytes; Envoy takes request headers of 60 KiB by default


class Line(NamedTuple):
    """A line without its end, and its number from 1; no text if it is longer than any line that makes sense."""

    number: int
    text: str | None


def read(name: str) -> Iterator[Line]:
    """The lines of a file, or of standard input for `-`. Raises LogError."""
    try:
        with _opened(name) as stream:
            is_compressed = stream.peek(2)[:2] == _GZIP
            yield from _lines(cast("IO[bytes]", gzip.GzipFile(fileobj=stream)) if is_compressed else stream)
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise LogError(f"{name}: {reason}") from error


@contextmanager
def _opened(name: str) -> Iterator["io.BufferedReader[Any]"]:
    if name == STDIN:
        given = io.BufferedReader(cast("io.RawIOBase", sys.stdin.buffer))
        try:
            yield given
        finally:
            given.detach()  # it is not ours to close
    else:
        with Path(name).open("rb") as stream:
            yield stream


def _lines(stream: IO[bytes]) -> Iterator[Line]:
    number = 0
    while data := stream.readline(_LONGEST):
        number += 1
        is_whole = data.endswith(b"\n") or len(data) < _LONGEST
        while not data.endswith(b"\n") and len(data) == _LONGEST:
            data = stream.readline(_LONGEST)
        yield Line(number, data.rstrip(b"\r\n").decode(errors="replace") if is_whole else None)
