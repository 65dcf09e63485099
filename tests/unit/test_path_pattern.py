"""Patterns of paths, compared with a reference that goes segment by segment."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extauth.check.path_pattern import PathPattern

SEGMENT = st.sampled_from(["v1", "v", "v12", "keys", "{one}", "{two}"])
PATTERNS = st.builds(
    lambda exact, segments, end: f"{'=' * exact}/{'/'.join(segments)}{end}",
    st.booleans(),
    st.lists(SEGMENT, max_size=3, unique=True),
    st.sampled_from(["", "/"]),
)
PATHS = st.lists(st.sampled_from(["v1", "v", "v12", "keys", "a b", ""]), max_size=4).map(
    lambda parts: "/" + "/".join(parts)
)


def reference(pattern: str, path: str) -> dict[str, str] | None:
    wanted = [segment for segment in pattern.removeprefix("=").strip("/").split("/") if segment]
    given = path.split("/")[1:] if path != "/" else []
    if len(given) < len(wanted) or (pattern.startswith("=") and len(given) != len(wanted)):
        return None
    found = {}
    for name, value in zip(wanted, given, strict=False):
        if name.startswith("{"):
            if not value or " " in value:
                return None
            found[name.strip("{}")] = value
        elif name != value:
            return None
    return found


@given(PATTERNS, PATHS)
def test_a_pattern_matches_segment_by_segment(pattern: str, path: str) -> None:
    assert PathPattern(pattern).match(path) == reference(pattern, path)


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("/v1", "/v1", {}),
        ("/v1", "/v1/a", {}),
        ("/v1", "/v1/", {}),
        ("/v1", "/v1a", None),
        ("/v1/", "/v1", {}),
        ("=/v1", "/v1", {}),
        ("=/v1", "/v1/", None),
        ("=/v1", "/v1/a", None),
        ("/", "/anything", {}),
        ("/", "", {}),  # CONNECT
        ("=/", "/", {}),
        ("=/", "/a", None),
        ("/v1/{name}", "/v1/a.b/c", {"name": "a.b"}),
        ("/v1/{name}", "/v1/%41", None),
    ],
)
def test_examples(pattern: str, path: str, expected: dict[str, str] | None) -> None:
    assert PathPattern(pattern).match(path) == expected
