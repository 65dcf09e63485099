"""Leases of many replicas in simulated time: never more than the bound, hardly less than what is due, few calls."""

import random
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extauth.store.bucket import Shape
from extauth.store.draw import Bucket, Draw
from extauth.store.lease import SHARE
from extauth.store.refusals import PACE
from tests.support.simulation import Replica, Simulation, bound, excess, leased, traffic

QUICK = Shape.of(1000, 1, 1000)


def test_a_slow_caller_has_no_lease() -> None:
    simulation = Simulation()
    replica = Replica(simulation)
    traffic(simulation, replica, leased(QUICK), 20, 0, 2)
    simulation.run(3)
    assert len(replica.admitted) == 40
    assert simulation.redis.calls == 40
    assert len(replica.leases) == 0


def test_a_quick_caller_is_answered_from_memory() -> None:
    simulation = Simulation()
    replica = Replica(simulation)
    traffic(simulation, replica, leased(Shape.of(1000, 1, 2000)), 1000, 0, 10)
    simulation.run(9.9)
    assert len(replica.admitted) >= 9890
    assert simulation.redis.calls <= 20 * 10
    assert len(replica.leases) == 1
    simulation.run(12)
    assert len(replica.leases) == 0


def test_what_an_idle_caller_has_not_used_goes_back() -> None:
    simulation = Simulation()
    replica = Replica(simulation)
    shape = Shape.of(1, 10, 1000)
    traffic(simulation, replica, leased(shape), 500, 0, 1)
    simulation.run(2)
    (kept,) = simulation.redis.kept.values()
    assert len(replica.admitted) == 500
    assert 499 < kept.debt / kept.period <= 500


@pytest.mark.parametrize("replicas", [1, 2, 8])
@pytest.mark.parametrize("offered", [1.5, 10])
def test_a_caller_over_its_limit_gets_what_it_is_due(replicas: int, offered: float) -> None:
    simulation = Simulation()
    all_replicas = [Replica(simulation, replicas=replicas) for _ in range(replicas)]
    for replica in all_replicas:
        traffic(simulation, replica, leased(QUICK), offered * QUICK.rate / replicas, 0, 6)
    simulation.run(6)
    times = [time for replica in all_replicas for time in replica.admitted]
    ideal = min(QUICK.burst + QUICK.rate * 6, offered * QUICK.rate * 6)
    assert 0.98 * ideal <= len(times) <= ideal + bound(QUICK)
    assert excess(times, QUICK) <= bound(QUICK)
    assert simulation.redis.calls <= replicas * 6 * 2 / PACE + 100  # whatever is offered


def test_a_caller_who_comes_in_bursts_and_keeps_to_its_limit_is_never_refused() -> None:
    """Of 100 a second, a tenth of the time at 900 a second: most of what leases hold then is not used, and must not be
    lost.
    """
    simulation = Simulation()
    replicas = [Replica(simulation) for _ in range(4)]
    draw = leased(Shape.of(100, 1, 200))
    for second in range(30):
        for replica in replicas:
            traffic(simulation, replica, draw, 225, second, second + 0.1)
    simulation.run(31)
    assert sum(replica.refused for replica in replicas) == 0


@pytest.mark.parametrize("burst", [400, 800])
@pytest.mark.parametrize("replicas", [2, 4, 8, 16])
def test_bursts_as_large_as_the_bucket_are_hardly_ever_refused(replicas: int, burst: int) -> None:
    """All that the bucket holds in a fifth of a second, by chance to any replica, each time that it is full again: what
    one replica has taken ahead is what another one lacks.
    """
    dice = random.Random(6)
    simulation = Simulation()
    shape = Shape.of(400, 1, burst)
    all_replicas = [Replica(simulation, replicas=replicas) for _ in range(replicas)]
    for start in range(0, 10, burst // 400):
        for _ in range(burst):
            request = partial(dice.choice(all_replicas).request, leased(shape))
            simulation.at(start + dice.uniform(0, 0.2), request)
    simulation.run(12)
    admitted = sum(len(replica.admitted) for replica in all_replicas)
    assert admitted >= 0.997 * 400 * 10


def test_a_caller_at_twice_the_limit_costs_a_few_calls_though_the_bucket_is_always_nearly_empty() -> None:
    simulation = Simulation()
    replicas = [Replica(simulation, replicas=4) for _ in range(4)]
    for replica in replicas:
        traffic(simulation, replica, leased(QUICK), 500, 0, 10)
    simulation.run(10)
    assert simulation.redis.calls < 0.2 * 2000 * 10


def test_a_caller_who_moves_from_replica_to_replica_gains_no_more_than_the_bound() -> None:
    """Each leaves a lease behind that is given back unused, again and again: the worst that can be done."""
    simulation = Simulation(latency=0.0002)
    replicas = [Replica(simulation) for _ in range(12)]
    shape = Shape.of(400, 1, 800)
    for turn in range(120):
        traffic(simulation, replicas[turn % 12], leased(shape), 2500, turn * 0.06, turn * 0.06 + 0.05)
    for replica in replicas:
        traffic(simulation, replica, leased(shape), 5000, 7.2, 7.5)
    simulation.run(8)
    times = [time for replica in replicas for time in replica.admitted]
    assert excess(times, shape) <= bound(shape)


def test_leases_cannot_be_saved_up() -> None:
    """Every replica has a lease; then, when the bucket is full again, all that there is is asked for at once."""
    simulation = Simulation()
    replicas = [Replica(simulation) for _ in range(8)]
    for replica in replicas:
        traffic(simulation, replica, leased(QUICK), 120, 0, 1)
        traffic(simulation, replica, leased(QUICK), 50_000, 2, 2.03)
    simulation.run(3)
    times = [time for replica in replicas for time in replica.admitted if time >= 2]
    assert len(times) >= QUICK.burst
    assert excess(times, QUICK) <= 1


def test_one_replica_never_holds_more_than_its_part() -> None:
    simulation = Simulation()
    replica = Replica(simulation)
    traffic(simulation, replica, leased(QUICK), 5000, 0, 1)
    held = 0
    for step in range(1, 100):
        simulation.run(step / 100)
        held = max(held, *(len(lease.tokens) for lease in replica.leases._leases.values()), 0)
    assert 50 < held <= QUICK.burst // SHARE


def test_all_buckets_of_a_request_give_a_token_or_none_does() -> None:
    """A lease's token goes back at once when another bucket refuses."""
    simulation = Simulation()
    replica = Replica(simulation)
    plenty = Bucket("b:{t}:plenty", Shape.of(1, 60, 10_000), leased=True)
    scarce = Bucket("b:{t}:scarce", Shape.of(1, 60, 100))
    traffic(simulation, replica, Draw([plenty, scarce]), 500, 0, 2)
    simulation.run(4)
    assert len(replica.admitted) == 100
    kept = simulation.redis.kept[plenty.name]
    assert 99 <= kept.debt / kept.period <= 100


def test_requests_that_cost_more_than_one_token() -> None:
    simulation = Simulation()
    replica = Replica(simulation)
    shape = Shape.of(1, 60, 3000)
    traffic(simulation, replica, Draw([Bucket("b:{t}:x", shape, cost=5, leased=True)]), 400, 0, 3)
    simulation.run(5)
    assert len(replica.admitted) == 600
    assert simulation.redis.calls < 300


def test_a_changed_policy_is_followed_by_a_lease_that_never_runs_dry() -> None:
    simulation = Simulation()
    replica = Replica(simulation)
    old, new = Shape.of(1000, 1, 4000), Shape.of(100, 1, 1000)
    traffic(simulation, replica, leased(old), 500, 0, 2)
    traffic(simulation, replica, leased(new), 500, 2, 12)
    simulation.run(12)
    times = [time for time in replica.admitted if time > 2]
    assert excess(times, new) <= bound(new)
    assert len(times) >= 0.95 * (new.burst + 10 * new.rate)


def test_a_refusal_is_remembered_no_longer_than_the_bucket_needs() -> None:
    simulation = Simulation(latency=0.0001)
    replica = Replica(simulation)
    shape = Shape.of(1, 2, 64)
    traffic(simulation, replica, leased(shape), 1000, 0, 30)
    simulation.run(30)
    due = shape.burst + 30 * shape.rate
    assert due - 1 <= len(replica.admitted) <= due
    assert simulation.redis.calls < 64 + 4 * 30


def test_after_a_quiet_time_nothing_of_a_refusal_is_left() -> None:
    simulation = Simulation()
    replica = Replica(simulation)
    shape = Shape.of(100, 1, 100)
    traffic(simulation, replica, leased(shape), 5000, 0, 0.5)
    for _ in range(20):  # at one moment
        simulation.at(1.0, lambda: replica.request(leased(shape)))
    simulation.run(0.99)
    before = len(replica.admitted)
    simulation.run(2)
    assert len(replica.admitted) == before + 20


def test_closing_gives_everything_back() -> None:
    simulation = Simulation()
    replica = Replica(simulation)
    shape = Shape.of(1, 60, 10_000)
    traffic(simulation, replica, leased(shape), 1000, 0, 1)
    simulation.run(0.9)
    assert any(lease.tokens for lease in replica.leases._leases.values())
    replica.leases.close()
    simulation.run(2)
    (kept,) = simulation.redis.kept.values()
    assert kept.debt <= len(replica.admitted) * kept.period


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rate=st.sampled_from([50, 200, 1000]),
    seconds=st.floats(0.2, 3),
    replicas=st.integers(1, 8),
    latency=st.floats(0.0001, 0.02),
    losses=st.sampled_from([0.0, 0.02, 0.3]),
    seed=st.integers(0, 2**32),
)
def test_no_window_of_time_has_more_than_the_bound(
    rate: int, seconds: float, replicas: int, latency: float, losses: float, seed: int
) -> None:
    """Whatever the traffic, with replies that get lost and replicas that crash."""
    dice = random.Random(seed)
    simulation = Simulation(latency)
    shape = Shape.of(rate, 1, max(int(rate * seconds), 64))
    all_replicas = [Replica(simulation, lambda: dice.random() < losses, replicas) for _ in range(replicas)]
    offered = 0.0
    while offered < 4000:
        replica, start = dice.choice(all_replicas), dice.uniform(0, 5)
        speed, lasting = rate * dice.choice([0.3, 1, 5]), dice.choice([0.05, 0.3, 1.5])
        traffic(simulation, replica, leased(shape), speed, start, start + lasting)
        offered += speed * lasting
    for replica in all_replicas:
        if dice.random() < 0.2:
            simulation.at(dice.uniform(0, 5), replica.crash)
    simulation.run(8)
    times = [time for replica in all_replicas for time in replica.admitted]
    assert excess(times, shape) <= bound(shape)
