"""Quotas and costs in the arithmetic of buckets, in leases of many replicas, and while Redis is away."""

import math
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extauth.check.rate_status import status_of
from extauth.settings.window import window_at
from extauth.store.bucket import Kept, Level, Shape, debt_at, spend
from extauth.store.draw import Bucket, Draw
from extauth.store.local_buckets import LocalBuckets
from extauth.store.refusals import Refusals
from tests.support.simulation import Replica, Simulation, bound, excess, leased, traffic

NOW = 1_795_334_400  # 2026-11-22T08:00:00Z
DAY = window_at("day", NOW)


@given(st.integers(1, 200), st.lists(st.tuples(st.integers(1, 9), st.integers(0, 10**12)), max_size=100))
def test_a_quota_gives_what_it_is_and_time_brings_nothing(amount: int, requests: list[tuple[int, int]]) -> None:
    shape, kept, now, given_out = Shape.of_quota(amount, DAY), None, 0, 0
    for cost, gap in requests:
        now += gap
        (level,) = spend([debt_at(kept, shape, now)], [shape], [cost])
        assert level.enough is (given_out + cost <= amount)
        given_out += cost * level.enough
        assert level.remaining == amount - given_out
        kept = Kept(level.debt, now, shape.period)


def test_what_is_told_of_a_quota_is_its_windows_end() -> None:
    shape = Shape.of_quota(10, DAY)
    empty, some = Level(shape, False, 10), Level(shape, True, 4)
    assert (empty.wait(1), empty.full_in, empty.full_at(NOW)) == (math.inf, math.inf, DAY.ends)
    assert some.wait(1) == 0
    told = status_of([Bucket("b", shape)], [empty], NOW + 0.5)
    assert (told.limit, told.remaining, told.reset_at, told.reset_in, told.retry_after) == (
        10,
        0,
        DAY.ends,
        57_600,
        57_600,
    )
    told = status_of([Bucket("b", shape)], [some], NOW)
    assert (told.remaining, told.reset_at, told.retry_after) == (6, DAY.ends, 1)


def test_a_quota_that_ends_later_than_a_bucket_has_a_token_is_the_one_that_is_told() -> None:
    quick = Shape.of(1, 60, 1)
    buckets = [Bucket("a", quick, limit="quick"), Bucket("b", Shape.of_quota(5, DAY), limit="daily")]
    levels = [Level(quick, False, quick.period), Level(buckets[1].shape, False, 5)]
    assert status_of(buckets, levels, NOW).name == "daily"
    assert status_of(buckets, levels, DAY.ends - 10).name == "quick"


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    amount=st.integers(64, 3000),
    replicas=st.integers(1, 6),
    costs=st.lists(st.sampled_from([1, 1, 2, 5]), min_size=1, max_size=4),
    lost=st.randoms(use_true_random=False),
    crash=st.floats(0, 1),
)
def test_leases_never_add_to_a_quota(
    amount: int, replicas: int, costs: list[int], lost: random.Random, crash: float
) -> None:
    simulation = Simulation()
    shape = Shape.of_quota(amount, DAY)
    found = [Replica(simulation, lambda: lost.random() < 0.05) for _ in range(replicas)]
    spent = [
        (replica, cost, Draw([Bucket("b:{t}:x", shape, cost=cost, leased=True)])) for replica in found for cost in costs
    ]
    for replica, _, draw in spent:
        traffic(simulation, replica, draw, 400, 0, 1.5)
    simulation.at(crash, found[0].crash)
    simulation.run(2)
    # Requests of one replica cost different amounts; the fewest tokens that they can have taken:
    assert sum(len(replica.admitted) for replica in found) * min(costs) <= amount


@pytest.mark.parametrize("replicas", [1, 4])
def test_a_quota_is_used_up(replicas: int) -> None:
    simulation = Simulation()
    shape = Shape.of_quota(5000, DAY)
    found = [Replica(simulation) for _ in range(replicas)]
    for replica in found:
        traffic(simulation, replica, leased(shape), 4000 / replicas, 0, 4)
    simulation.run(6)
    assert sum(len(replica.admitted) for replica in found) == 5000


@pytest.mark.parametrize("rate", [60, 150])
def test_requests_that_cost_more_are_leased_as_many_tokens(rate: int) -> None:
    simulation = Simulation()
    shape = Shape.of(1000, 1, 2000)
    replicas = [Replica(simulation) for _ in range(3)]
    draw = Draw([Bucket("b:{t}:x", shape, cost=5, leased=True)])
    for replica in replicas:
        traffic(simulation, replica, draw, rate, 0, 6)
    simulation.run(6)
    times = [time for replica in replicas for time in replica.admitted for _ in range(5)]
    assert excess(times, shape) <= bound(shape) + 5
    assert len(times) >= 0.98 * min(shape.burst + shape.rate * 6, 5 * rate * 3 * 6)
    if rate * 5 * 3 < shape.rate:  # else empty buckets are asked about at their own pace
        assert simulation.redis.calls < len(times) / 5 / 3


def test_each_replica_has_its_share_of_a_quota_while_redis_is_away() -> None:
    buckets = LocalBuckets(10, lambda: 4, lambda: 0)
    shape = Shape.of_quota(100, DAY)
    bucket = Bucket("b", shape)
    buckets.learn(bucket, Level(shape, True, 40))  # 60 are left: 15 for each
    levels = [buckets.spend([bucket])[0] for _ in range(20)]
    assert sum(level.enough for level in levels) == 15
    assert levels[-1].shape.window == DAY
    assert buckets.learn(bucket, Level(shape, True, 40)) == 15


def test_less_than_what_was_refused_may_be_there() -> None:
    refusals = Refusals()
    shape = Shape.of(1, 3600, 10)
    few = Level(shape, False, 8 * shape.period)
    large, small = Bucket("b", shape, cost=5), Bucket("b", shape, cost=2)
    refusals.note(large, few, 100, 100)
    assert refusals.find(large, 100.1) is not None
    assert refusals.find(small, 100.1) is None
    assert refusals.find(Bucket("b", shape, cost=6), 100.1) is not None
