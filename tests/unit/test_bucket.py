"""The arithmetic of a token bucket; that the Lua script does the same is in tests/contract/test_buckets.py."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extauth.settings.rate import LARGEST
from extauth.store.bucket import Kept, Level, Shape, debt_at, give_back, lease, spend

SECOND = 1_000_000


@pytest.mark.parametrize(
    ("amount", "seconds", "expected"),
    [
        (10, 1, (1, 100_000)),
        (1000, 60, (1, 60_000)),
        (3, 1, (3, 1_000_000)),
        (0.5, 1, (1, 2_000_000)),
        (7, 0.001, (7, 1000)),
    ],
)
def test_a_rate_becomes_whole_numbers_in_lowest_terms(amount: float, seconds: float, expected: tuple[int, int]) -> None:
    shape = Shape.of(amount, seconds, 5)
    assert (shape.amount, shape.period) == expected


@pytest.mark.parametrize("tokens", [1_000_000, 999_983, 10_007, 123_456_789])
def test_a_month_fits_a_double_whatever_the_number(tokens: int) -> None:
    month = 30 * 86_400
    shape = Shape.of(tokens, month, tokens)
    assert shape.burst * shape.period <= LARGEST
    assert abs(shape.rate * month - tokens) < 0.01


def test_a_slow_rate_keeps_its_number() -> None:
    assert Shape.of(0.0001, 1, 1) == Shape(1, 10_000_000_000, 1)


def test_a_burst_that_cannot_be_counted_is_refused_with_the_largest_that_can() -> None:
    with pytest.raises(ValueError, match=r"1,000,000,000 is too large .* use at most 1,737$"):
        Shape.of(1, 30 * 86_400, 1_000_000_000)
    assert Shape.of(1, 30 * 86_400, 1_737).burst == 1_737


@given(
    shape=st.builds(Shape.of, st.integers(1, 1000), st.sampled_from([1, 60, 3600]), st.integers(1, 100)),
    gaps=st.lists(st.integers(0, 5 * SECOND), min_size=1, max_size=200),
)
def test_no_more_is_given_than_the_burst_and_what_time_brought(shape: Shape, gaps: list[int]) -> None:
    kept, now, given_out = None, 0, 0
    for gap in gaps:
        now += gap
        (level,) = spend([debt_at(kept, shape, now)], [shape], [1])
        given_out += level.enough
        kept = Kept(level.debt, now, shape.period)
        assert 0 <= level.remaining <= shape.burst
    assert given_out <= shape.burst + now * shape.amount / shape.period


@given(
    shape=st.builds(Shape.of, st.integers(1, 1000), st.sampled_from([1, 60, 3600]), st.integers(1, 100)),
    spent=st.integers(1, 300),
)
def test_after_the_wait_it_names_there_is_a_token_and_just_before_there_is_none(shape: Shape, spent: int) -> None:
    debt = min(spent, shape.burst) * shape.period
    (level,) = spend([debt], [shape], [1])
    if level.enough:
        assert level.wait(1) >= 0
        return
    wait = math.ceil(level.wait(1) * SECOND - 1e-6)
    assert spend([debt_at(Kept(debt, 0, shape.period), shape, wait + 1)], [shape], [1])[0].enough
    assert not spend([debt_at(Kept(debt, 0, shape.period), shape, wait - 1)], [shape], [1])[0].enough


def test_a_cost_above_the_burst_never_fits() -> None:
    assert Level(Shape.of(1, 1, 5), enough=False, debt=0).wait(6) == math.inf


def test_a_changed_policy_leaves_a_bucket_lacking_as_many_tokens() -> None:
    old, new = Shape.of(10, 1, 20), Shape.of(1000, 60, 50)
    kept = Kept(5 * old.period, 0, old.period)
    assert debt_at(kept, new, 0) == 5 * new.period
    assert debt_at(kept, Shape.of(1, 3600, 3), 0) == 3 * Shape.of(1, 3600, 3).period  # no more than it holds


@given(
    shape=st.builds(Shape.of, st.integers(1, 1000), st.sampled_from([1, 60, 3600]), st.integers(1, 1000)),
    debt=st.floats(0, 1),
    tokens=st.integers(0, 2000),
    since=st.integers(-5, 2000),
)
def test_tokens_that_come_back_lower_no_debt_but_their_own(shape: Shape, debt: float, tokens: int, since: int) -> None:
    before = int(debt * shape.burst * shape.period)
    after = give_back(before, shape, tokens, since)
    assert before - tokens * shape.period <= after <= before
    assert after == before or after >= since * shape.period >= 0


@given(
    shape=st.builds(Shape.of, st.integers(1, 1000), st.sampled_from([1, 60, 3600]), st.integers(1, 1000)),
    debt=st.floats(0, 1),
    wanted=st.integers(0, 2000),
    share=st.integers(1, 16),
)
def test_what_is_taken_ahead_could_be_spent_at_once_as_often_as_it_is_shared(
    shape: Shape, debt: float, wanted: int, share: int
) -> None:
    before = int(debt * shape.burst * shape.period)
    granted = lease(before, shape, wanted, share)
    assert 0 <= granted <= wanted
    (taken,) = spend([before], [shape], [granted * share])
    assert taken.enough
    if granted < wanted:
        (more,) = spend([before], [shape], [(granted + 1) * share])
        assert not more.enough
