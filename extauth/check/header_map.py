"""Headers in the form that Envoy sends with `encode_raw_headers`: a serialised HeaderMap, read as far as needed.

Of some twenty lines a check asks for one or two. To make objects of all of them took half of a decision, so a line is
searched for in the bytes. What is found there may stand in a client's value as well; so it counts only where protobuf
says that a line begins, and all lines are read when there is any doubt.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from google.protobuf.message import DecodeError

from extauth.wire.envoy.service.auth.v3.external_auth_pb2 import HeaderMap, HeaderValue
from extauth.wire.envoy.service.auth.v3.late_headers_pb2 import Unread

_TAG = 0x0A  # of field 1, a string or a message: of a line in the map, and of the name in a line
_RAW_VALUE = 0x1A  # the tag of field 3, bytes
_MORE = 0x80  # set in all bytes of a number but the last

_skip = Unread.FromString


class HeaderLines(Mapping[str, str]):
    """Names are lower-case; the values of a name that was sent more than once are joined with ","."""

    __slots__ = ("_all", "_sent")

    def __init__(self, sent: bytes) -> None:
        self._sent = sent
        self._all: dict[str, str] | None = None

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 (Mapping's own signature)
        if self._all is None:
            wanted = _beginning(name)
            parts = self._sent.lower().split(wanted, 2)
            if len(parts) == 1:
                return default
            if len(parts) == 2:  # noqa: PLR2004 (it was found once)
                value = _value(self._sent, len(parts[0]), wanted)
                if value is not None:
                    return value
        return self._every().get(name, default)

    def __getitem__(self, name: str) -> str:
        value: str | None = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __contains__(self, name: object) -> bool:
        return self.get(str(name)) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._every())

    def __len__(self) -> int:
        return len(self._every())

    def _every(self) -> dict[str, str]:
        if self._all is None:
            self._all = _read_all(self._sent)
        return self._all


@lru_cache(maxsize=1024)
def _beginning(name: str) -> bytes:
    """How a line of this name begins: protobuf's writers put the name first, and its length in as few bytes as it
    takes. In lower case as a whole, for a length may look like a capital letter.
    """
    return HeaderValue(key=name).SerializeToString().lower()


def _value(sent: bytes, at: int, wanted: bytes) -> str | None:
    """The value of the line that seems to begin at this place as is wanted; None when it does not."""
    ends = _end_of_line(sent, at)
    if ends is None:
        return None
    rest = sent[at + len(wanted) : ends]
    size = len(rest) - 2
    # Nearly always: after the name nothing but `raw_value`, of a length that takes one byte.
    if 0 <= size < _MORE and rest[0] == _RAW_VALUE and rest[1] == size and sent[at + 1] == wanted[1]:
        return rest[2:].decode("ascii", "replace")
    try:
        line = HeaderValue.FromString(sent[at:ends])
    except DecodeError:
        return None
    return _text(line) if _beginning(line.key.lower()) == wanted else None


def _end_of_line(sent: bytes, at: int) -> int | None:
    """Where the line ends whose name begins at this place; None when no line begins before it."""
    if at > 1 and sent[at - 2] == _TAG and sent[at - 1] < _MORE:
        start, length = at - 2, sent[at - 1]
    elif at > 2 and sent[at - 3] == _TAG and sent[at - 2] >= _MORE > sent[at - 1]:  # noqa: PLR2004 (bytes of a number)
        start, length = at - 3, sent[at - 2] - _MORE + sent[at - 1] * _MORE
    else:
        return None
    try:
        _skip(sent[:start])  # which fails in the middle of a line: its length leads past the end
    except DecodeError:
        return None
    return at + length


def _read_all(sent: bytes) -> dict[str, str]:
    """Nothing when the bytes are no HeaderMap, which Envoy never sends: not one line of it could be trusted."""
    try:
        lines = HeaderMap.FromString(sent).headers
    except DecodeError:
        return {}
    found: dict[str, str] = {}
    for line in lines:
        name, value = line.key.lower(), _text(line)
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _text(line: HeaderValue) -> str:
    """A byte outside ASCII becomes a character that no key contains, so it can never pass for another byte."""
    raw = line.raw_value
    return raw.decode("ascii", "replace") if raw else line.value
