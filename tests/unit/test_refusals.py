"""What a replica remembers of empty buckets, and for how long it believes it."""

import pytest

from extauth.store.bucket import Level, Shape
from extauth.store.draw import Bucket
from extauth.store.refusals import LONGEST, PACE, Refusals

SLOW, QUICK = Shape.of(1, 10, 5), Shape.of(1000, 1, 1000)


def empty(shape: Shape) -> Level:
    return Level(shape, enough=False, debt=shape.burst * shape.period)


@pytest.fixture
def refusals() -> Refusals:
    return Refusals()


def test_a_bucket_is_refused_until_it_has_a_token_and_a_second_at_most(refusals: Refusals) -> None:
    bucket = Bucket("b", Shape.of(2, 1, 5))
    refusals.note(bucket, empty(bucket.shape), asked=100, now=100.01)
    assert refusals.find(bucket, 100.49)
    assert refusals.find(bucket, 100.51) is None
    slow = Bucket("s", SLOW)
    refusals.note(slow, empty(SLOW), asked=100, now=100.01)
    assert refusals.find(slow, 100.01 + LONGEST - 0.001)
    assert refusals.find(slow, 100.01 + LONGEST + 0.001) is None


def test_the_time_that_is_told_runs_out(refusals: Refusals) -> None:
    bucket = Bucket("s", SLOW)
    refusals.note(bucket, empty(SLOW), asked=100, now=100)
    first, later = refusals.find(bucket, 100), refusals.find(bucket, 100.75)
    assert first is not None
    assert later is not None
    assert (first.wait(1), later.wait(1)) == (10, 9.25)
    assert (later.enough, later.remaining) == (False, 0)


def test_one_of_many_asks_while_the_rest_hear_from_it(refusals: Refusals) -> None:
    bucket = Bucket("q", QUICK)
    refusals.note(bucket, empty(QUICK), asked=100, now=100)
    assert refusals.find(bucket, 100 + PACE * 0.9)
    assert refusals.find(bucket, 100 + PACE * 1.1) is None  # this one asks
    level = refusals.find(bucket, 100 + PACE * 1.2)
    assert level is not None
    assert level.remaining == 0  # whatever has been gained meanwhile: it is refused
    refusals.forget(bucket)
    assert refusals.find(bucket, 100 + PACE * 1.3) is None


def test_nothing_is_held_back_for_one_that_asks_after_a_quiet_time(refusals: Refusals) -> None:
    bucket = Bucket("q", QUICK)
    refusals.note(bucket, empty(QUICK), asked=100, now=100)
    assert [refusals.find(bucket, 101), refusals.find(bucket, 101)] == [None, None]


def test_so_many_callers_over_their_limits_that_they_cannot_all_be_remembered(
    refusals: Refusals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extauth.store.refusals._MOST", 3)
    for number in range(4):
        refusals.note(Bucket(str(number), SLOW), empty(SLOW), asked=100, now=100)
    assert [refusals.find(Bucket(str(number), SLOW), 100.5) is None for number in range(4)] == [True] * 3 + [False]
