"""Local buckets: what one replica of several may admit while Redis is away."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extauth.store.bucket import Level, Shape
from extauth.store.draw import Bucket
from extauth.store.local_buckets import LocalBuckets, share_of

SECOND = 1_000_000


class Clock:
    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


def passed(buckets: LocalBuckets, bucket: Bucket, requests: int) -> int:
    return sum(buckets.spend([bucket])[0].enough for _ in range(requests))


@pytest.mark.parametrize(("replicas", "expected"), [(1, 100), (3, 33), (100, 1), (1000, 1)])
def test_a_replica_has_its_share_and_at_least_one_token(replicas: int, expected: int) -> None:
    clock = Clock()
    buckets = LocalBuckets(10, lambda: replicas, clock)
    bucket = Bucket("b", Shape.of(100, 1, 100))
    assert passed(buckets, bucket, 200) == expected
    clock.now = 10 * replicas * SECOND // 1000  # 0.01 s for each replica
    assert passed(buckets, bucket, 200) == min(expected, 1)


def test_a_request_that_costs_more_than_the_share_is_not_refused_for_ever() -> None:
    buckets = LocalBuckets(10, lambda: 10, Clock())
    assert passed(buckets, Bucket("b", Shape.of(1, 1, 20), cost=5), 3) == 1


def test_more_replicas_do_not_fill_a_bucket() -> None:
    replicas = 2
    buckets = LocalBuckets(10, lambda: replicas, Clock())
    bucket = Bucket("b", Shape.of(1, 3600, 100))
    assert passed(buckets, bucket, 30) == 30
    replicas = 4
    assert passed(buckets, bucket, 30) == 0  # its share is 25 now, and it lacks 30


@given(shape=st.builds(Shape.of, st.integers(1, 5000), st.just(1), st.integers(1, 5000)), replicas=st.integers(1, 50))
def test_all_shares_together_are_no_more_than_the_bucket_but_for_the_one_that_each_has(
    shape: Shape, replicas: int
) -> None:
    share = share_of(shape, replicas, 1)
    assert share.burst * replicas <= max(shape.burst, replicas)
    assert share.rate * replicas == pytest.approx(shape.rate)


def test_what_was_spent_here_and_is_not_made_up_for_is_settled_once() -> None:
    clock = Clock()
    buckets = LocalBuckets(10, lambda: 2, clock)
    bucket = Bucket("b", Shape.of(10, 1, 100))
    full = Level(bucket.shape, True, 0)
    assert buckets.learn(bucket, full) == 0
    assert passed(buckets, bucket, 40) == 40
    clock.now = 2 * SECOND  # its share of what these bring is ten
    assert buckets.learn(bucket, full) == 30
    assert buckets.learn(bucket, full) == 0
    assert passed(buckets, bucket, 5) == 5
    assert buckets.learn(bucket, full) == 5


@pytest.mark.parametrize(("lacking", "expected"), [(0, 25), (40, 15), (97, 0), (100, 0)])
def test_a_share_begins_as_full_as_the_bucket_was_last(lacking: int, expected: int) -> None:
    clock = Clock()
    buckets = LocalBuckets(10, lambda: 4, clock)
    bucket = Bucket("b", Shape.of(40, 1, 100))
    assert buckets.learn(bucket, Level(bucket.shape, True, lacking * bucket.shape.period)) == 0
    assert passed(buckets, bucket, 100) == expected
    clock.now = SECOND // 10  # brings one token to each of four
    assert passed(buckets, bucket, 100) == 1


def test_the_bucket_that_was_not_used_for_longest_is_forgotten_first() -> None:
    buckets = LocalBuckets(2, lambda: 1, Clock())
    first, second, third = (Bucket(name, Shape.of(1, 3600, 1)) for name in "abc")
    assert [passed(buckets, bucket, 1) for bucket in (first, second, first)] == [1, 1, 0]
    buckets.spend([third])  # forgets the second
    assert passed(buckets, first, 1) == 0
    assert passed(buckets, second, 1) == 1


def test_all_buckets_of_a_request_give_a_token_or_none_does() -> None:
    buckets = LocalBuckets(10, lambda: 1, Clock())
    small, large = Bucket("small", Shape.of(1, 3600, 1)), Bucket("large", Shape.of(1, 3600, 5))
    assert [level.remaining for level in buckets.spend([small, large])] == [0, 4]
    assert [level.remaining for level in buckets.spend([small, large])] == [0, 4]
