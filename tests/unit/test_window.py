"""Windows of the calendar."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extauth.settings.window import UNITS, Unit, unit_of, window_at


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("unit", "now", "name", "begins", "ends"),
    [
        ("hour", "2026-11-22T08:59:59", "2026-11-22T08", "2026-11-22T08:00", "2026-11-22T09:00"),
        ("day", "2026-12-31T23:59:59", "2026-12-31", "2026-12-31", "2027-01-01"),
        ("week", "2026-11-22T23:00", "2026-W47", "2026-11-16", "2026-11-23"),  # a Sunday
        ("week", "2027-01-01", "2026-W53", "2026-12-28", "2027-01-04"),
        ("month", "2026-02-28T12:00", "2026-02", "2026-02-01", "2026-03-01"),
        ("month", "2028-02-29T12:00", "2028-02", "2028-02-01", "2028-03-01"),
        ("month", "2026-12-01", "2026-12", "2026-12-01", "2027-01-01"),
    ],
)
def test_windows_of_the_calendar(unit: Unit, now: str, name: str, begins: str, ends: str) -> None:
    assert window_at(unit, at(now)) == (unit, name, at(begins), at(ends))


@given(st.sampled_from(UNITS), st.floats(0, 4_000_000_000))
def test_windows_follow_each_other_without_a_gap(unit: Unit, now: float) -> None:
    window = window_at(unit, now)
    assert window.begins <= now < window.ends
    assert window_at(unit, window.begins) == window_at(unit, window.ends - 1) == window
    after = window_at(unit, window.ends)
    assert (after.begins, after.name != window.name) == (window.ends, True)


@pytest.mark.parametrize(
    ("seconds", "unit"),
    [
        (3600, "hour"),
        (86_400, "day"),
        (7 * 86_400, "week"),
        (28 * 86_400, "month"),
        (30 * 86_400, "month"),
        (31 * 86_400, "month"),
        (32 * 86_400, None),
        (43_200, None),
    ],
)
def test_the_unit_of_a_time(seconds: float, unit: Unit | None) -> None:
    assert unit_of(seconds) == unit
