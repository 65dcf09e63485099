"""RFC 3339 and Unix milliseconds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extauth.registry.times import from_rfc3339, to_rfc3339


@given(st.integers(0, 253402300799999))
def test_there_and_back(milliseconds: int) -> None:
    assert from_rfc3339(to_rfc3339(milliseconds)) == milliseconds


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t01:00:00.5+01:00", 500),
        ("1970-01-01 00:00:00.123456789z", 123),
        ("2027-01-31T12:00:00-05:30", 1801416600000),
    ],
)
def test_forms(text: str, milliseconds: int) -> None:
    assert from_rfc3339(text) == milliseconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2027-01-31",
        "2027-01-31T12:00:00",
        "2027-13-01T00:00:00Z",
        "1801400400",
        "2027-01-31T12:00Z",
        "٢٠٢٧-01-31T12:00:00Z",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="RFC 3339"):
        from_rfc3339(text)
