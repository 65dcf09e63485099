"""Header lines, searched for in the bytes of a HeaderMap: they say just what protobuf says, whatever stands in them."""

from collections.abc import Iterator

from google.protobuf.message import DecodeError

from extauth.check.header_map import HeaderLines
from extauth.wire.envoy.service.auth.v3.external_auth_pb2 import HeaderMap, HeaderValue
from tests.fuzz.choices import Choices
from tests.fuzz.target import Target

NAMES = ("x-api-key", "authorization", "cookie", "a", "X-API-Key", "x" * 10, "x" * 128, ":path")


def _run(data: bytes) -> None:
    _agrees(data)
    _agrees(_written(Choices(data)).SerializeToString())


def _agrees(sent: bytes) -> None:
    """Of bytes that no writer of protobuf makes only that they are read without an error."""
    lines = HeaderLines(sent)
    found = {name: lines.get(name.lower()) for name in NAMES}
    try:
        map_ = HeaderMap.FromString(sent)
    except DecodeError:
        return
    if map_.SerializeToString() == sent:
        assert found == {name: _value_of(map_, name.lower()) for name in NAMES}
        assert set(HeaderLines(sent)) == {line.key.lower() for line in map_.headers}


def _value_of(map_: HeaderMap, name: str) -> str | None:
    values = [
        line.raw_value.decode("ascii", "replace") if line.raw_value else line.value
        for line in map_.headers
        if line.key.lower() == name
    ]
    return ",".join(values) if values else None


def _written(choices: Choices) -> HeaderMap:
    """With lines, and parts of lines, within the values and names of others."""
    map_ = HeaderMap()
    while choices.left:
        name = choices.one_of((*NAMES, choices.text()))
        inner = HeaderMap(
            headers=[HeaderValue(key=choices.one_of(NAMES), raw_value=choices.taken())]
        ).SerializeToString()
        cut = choices.number(len(inner) + 1)
        options = (choices.taken(), inner, inner[cut:], inner[:cut], inner[2:] + choices.taken(200), inner * 2)
        value = choices.one_of(options)
        if choices.number(4):
            map_.headers.add(key=name, raw_value=value)
        else:
            map_.headers.add(key=value.decode("latin-1"), value=name)
    return map_


def _seeds() -> Iterator[bytes]:
    yield b""
    yield HeaderMap(headers=[HeaderValue(key=name, raw_value=b"abc") for name in NAMES]).SerializeToString()
    for number in range(64):
        yield bytes((number * step) % 256 for step in range(1, 60))


TARGET = Target("header_maps", _run, _seeds, ("x-api-key", "\x0a\x0d\x0a\x09x-api-key"), 512)
