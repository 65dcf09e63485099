"""Digests under a pepper."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extauth.keys.digest import Pepper


@given(secret=st.binary(min_size=32, max_size=200), key=st.text())
def test_a_digest_is_hmac_sha256(secret: bytes, key: str) -> None:
    assert Pepper("p1", secret).digest(key) == hmac.digest(secret, key.encode(errors="strict"), hashlib.sha256)


def test_another_pepper_makes_another_digest() -> None:
    assert Pepper("a", b"x" * 32).digest("key") != Pepper("b", b"y" * 32).digest("key")


def test_a_short_pepper_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32"):
        Pepper("p1", b"short")


@pytest.mark.parametrize("pepper_id", ["", "P1", "a b", "-a", "x" * 17])
def test_a_pepper_id_outside_the_format_is_refused(pepper_id: str) -> None:
    with pytest.raises(ValueError, match="pepper id"):
        Pepper(pepper_id, b"x" * 32)


def test_a_pepper_does_not_show_its_secret_by_accident() -> None:
    assert repr(Pepper("p1", b"x" * 32)) == "Pepper('p1')"
