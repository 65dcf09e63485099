"""A line that is searched for in the bytes of a HeaderMap is the line that a reader of all of it finds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extauth.check.header_map import HeaderLines
from extauth.wire.envoy.service.auth.v3.external_auth_pb2 import HeaderMap, HeaderValue

ASKED = ("x-api-key", "x", "cookie", "n" * 70, "n" * 200)
"""The length of the fourth looks like a capital letter, that of the fifth takes two bytes."""


def serialised(*lines: tuple[str, bytes]) -> bytes:
    return HeaderMap(headers=[HeaderValue(key=name, raw_value=value) for name, value in lines]).SerializeToString()


def found(sent: bytes, name: str) -> str | None:
    value: str | None = HeaderLines(sent).get(name)
    return value


def cased(name: str) -> st.SearchStrategy[str]:
    return st.lists(st.booleans(), min_size=len(name), max_size=len(name)).map(
        lambda upper: "".join(one.upper() if high else one for one, high in zip(name, upper, strict=True))
    )


names = st.sampled_from(ASKED).flatmap(lambda name: st.one_of(st.just(name), cased(name)))
lines = st.tuples(
    st.one_of(names, st.text("abc-X", min_size=1, max_size=8)), st.one_of(st.binary(max_size=300), st.just(b""))
)
nested = st.tuples(names, st.lists(lines, max_size=3).map(lambda inner: serialised(*inner)))
"""A value that is itself a HeaderMap: whoever does not count bytes takes its lines for others."""


@given(st.lists(st.one_of(lines, nested), max_size=12))
def test_one_line_is_what_all_lines_say(sent: list[tuple[str, bytes]]) -> None:
    everything: dict[str, str] = {}
    for name, value in sent:
        text = value.decode("ascii", "replace")
        everything[name.lower()] = f"{everything[name.lower()]},{text}" if name.lower() in everything else text
    message = serialised(*sent)
    for name in (*ASKED, "absent"):
        assert found(message, name) == everything.get(name)
        assert (name in HeaderLines(message)) == (name in everything)
    assert dict(HeaderLines(message)) == everything
    assert len(HeaderLines(message)) == len(everything)


@given(st.binary(max_size=60), st.sampled_from(ASKED))
def test_junk_holds_no_line_and_does_no_harm(junk: bytes, name: str) -> None:
    assert found(junk, name) is None or name.encode() in junk.lower()


def test_a_line_inside_a_value_is_none() -> None:
    inner = serialised(("x-api-key", b"stolen"))
    assert found(serialised(("x-note", inner)), "x-api-key") is None
    assert found(serialised(("x-note", b"\n" + inner + b"\n")), "x-api-key") is None
    assert found(serialised(("x-note", inner), ("x-api-key", b"sent")), "x-api-key") == "sent"
    assert found(serialised(("x-api-key", b"sent"), ("x-note", inner)), "x-api-key") == "sent"


def test_a_name_that_was_sent_twice_is_joined() -> None:
    assert found(serialised(("x-api-key", b"1"), ("x", b""), ("X-Api-Key", b"2")), "x-api-key") == "1,2"


def test_a_value_may_stand_in_either_field() -> None:
    sent = HeaderMap(headers=[HeaderValue(key="a", value="text"), HeaderValue(key="b", raw_value=b"\xff")])
    headers = HeaderLines(sent.SerializeToString())
    assert (headers["a"], headers["b"]) == ("text", "\N{REPLACEMENT CHARACTER}")
    with pytest.raises(KeyError):
        headers["c"]


@pytest.mark.parametrize("size", [1, 100, 127, 128, 1000, 16_000, 17_000, 3_000_000])
def test_a_value_may_be_long(size: int) -> None:
    assert found(serialised(("a", b""), ("x-api-key", b"v" * size), ("b", b"")), "x-api-key") == "v" * size
    assert found(serialised(("a", b"v" * size), ("x-api-key", b"k")), "x-api-key") == "k"


def test_a_map_that_is_cut_off_holds_nothing() -> None:
    sent = serialised(("a", b"1"), ("x-api-key", b"a key"))
    assert found(sent[:-1], "x-api-key") is None
    assert dict(HeaderLines(sent[:-1])) == {}
