"""How much of a caller's time is a decision's."""

import pytest

from extauth.serving.deadline import time_to_decide


@pytest.mark.parametrize(
    ("remaining", "timeout", "expected"),
    [
        (None, 0.15, 0.15),
        (float("inf"), 0.15, 0.15),
        (10.0, 0.15, 0.15),
        (0.1, 0.15, 0.08),
        (0.02, 0.15, 0.015),  # the whole margin would leave nothing
        (0.0, 0.15, 0.0),
        (-1.0, 0.15, -1.0),
    ],
)
def test_the_way_back_is_kept_free(remaining: float | None, timeout: float, expected: float) -> None:
    assert time_to_decide(remaining, timeout) == pytest.approx(expected)
