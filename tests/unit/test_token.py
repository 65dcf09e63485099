"""The text of a key."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extauth.keys.token import BASE62, Token, checksum, generate, key_id_of, prefix_of

ID, SECRET = "0123456789ab", "a" * 32


def test_a_key_has_the_documented_shape() -> None:
    text = str(generate("live"))
    prefix, key_id, rest = text.split("_")
    assert (prefix, len(key_id), len(rest)) == ("live", 12, 38)
    assert set(key_id + rest) <= set(BASE62)


@pytest.mark.parametrize("prefix", ["a", "live", "sk_live", "x" * 32])
def test_what_is_generated_is_recognised(prefix: str) -> None:
    token = generate(prefix)
    assert key_id_of(str(token)) == token.key_id
    assert prefix_of(str(token)) == prefix


@pytest.mark.parametrize("prefix", ["", "Live", "_a", "a_", "a-b", "ä", "x" * 33])
def test_a_prefix_outside_the_format_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="key prefix"):
        generate(prefix)


def test_the_checksum_is_crc32_in_base62() -> None:
    value = 0
    for digit in checksum("body"):
        value = value * 62 + BASE62.index(digit)
    assert value == zlib.crc32(b"body")


@given(st.integers(0, 61), st.sampled_from(BASE62))
def test_any_single_changed_character_is_noticed(position: int, character: str) -> None:
    text = str(Token("test", ID, SECRET))
    position %= len(text)
    changed = text[:position] + character + text[position + 1 :]
    assert (key_id_of(changed) is not None) == (changed == text)


@given(st.text())
def test_junk_is_never_taken_for_a_key(text: str) -> None:
    assert key_id_of(text) is None


def test_two_keys_are_never_alike() -> None:
    assert len({str(generate("test")) for _ in range(1000)}) == 1000


def test_a_token_does_not_show_its_secret_by_accident() -> None:
    token = generate("test")
    assert token.secret not in repr(token)
    assert token.key_id in repr(token)
