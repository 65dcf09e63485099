"""Whatever happens to a bucket: the scripts on real Redis do what the Python model does."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from extauth.settings.rate import LARGEST
from extauth.settings.redis import RedisSettings
from extauth.settings.window import UNITS, window_at
from extauth.store.bucket import Kept, Shape
from extauth.store.client import connect
from extauth.store.scripts import LEASE, SPEND
from tests.support.model_redis import ModelRedis

NAMES = ("b:{m}:0", "b:{m}:1", "b:{m}:2")
HOUR = 3_600_000_000


def shape_of(amount: int, seconds: float, burst: int) -> Shape:
    try:
        return Shape.of(amount, seconds, burst)
    except ValueError:
        assume(False)
        raise


RATES = st.builds(
    shape_of,
    st.integers(1, 5000),
    st.sampled_from([0.001, 1.0, 7.0, 60.0, 86_400.0, 2_592_000.0]),
    st.one_of(st.integers(1, 2000), st.integers(1, 10**9)),
)
WINDOWS = st.builds(window_at, st.sampled_from(UNITS), st.integers(1_000_000_000, 4_000_000_000))  # over, or to come
QUOTAS = st.builds(Shape.of_quota, st.one_of(st.integers(1, 2000), st.integers(1, 10**9)), WINDOWS)
SHAPES = st.one_of(RATES, RATES, QUOTAS)
SPENDS = st.tuples(st.just("spend"), st.lists(st.integers(1, 50), min_size=3, max_size=3))
LEASES = st.tuples(
    st.just("lease"),
    st.integers(0, 2),  # the bucket
    st.integers(0, 3000),
    st.sampled_from([1, 1, 2, 7, 16]),
    st.integers(0, 200),
    st.integers(0, 5),
)
PASSES = st.tuples(st.just("pass"), st.integers(-HOUR, HOUR))  # time; backwards, too
CHANGES = st.tuples(st.just("change"), st.integers(0, 2), SHAPES)  # another policy
STEPS = st.lists(st.one_of(SPENDS, LEASES, LEASES, PASSES, CHANGES), min_size=1, max_size=25)


class Both:
    """Redis and the model, side by side."""

    def __init__(self, client: redis.Redis, shapes: list[Shape]) -> None:
        self.client = client
        self.model = ModelRedis()
        self.shapes = shapes
        self.grants: list[list[int]] = [[0], [0], [0]]
        self._spend, self._lease = client.register_script(SPEND.text), client.register_script(LEASE.text)

    def spend(self, costs: list[int]) -> None:
        arguments = [n for shape, cost in zip(self.shapes, costs, strict=True) for n in (*facts(shape), cost)]
        reply = self._spend(keys=NAMES, args=arguments)
        self.agree(reply, self.model.spend, NAMES, arguments)

    def lease(self, index: int, wanted: int, share: int, returned: int, grant: int) -> None:
        """Take some ahead, at most one in `share` of those there, and give some back of an earlier grant."""
        grants = self.grants[index]
        arguments = [*facts(self.shapes[index]), wanted, share, returned, grants[-1 - grant % len(grants)]]
        reply = self._lease(keys=[NAMES[index]], args=arguments)
        self.agree(reply, self.model.lease, [NAMES[index]], arguments)
        grants.append(int(reply[3]))

    def change(self, index: int, shape: Shape) -> None:
        self.shapes[index] = shape

    def move(self, microseconds: int) -> None:
        """Let time pass: everything was kept so much earlier."""
        for name, kept in self.model.kept.items():
            kept.since -= microseconds
            self.client.set(name, stored(kept))

    def agree(self, reply: list[Any], run: Any, names: Any, arguments: list[int]) -> None:
        assert reply == run(int(reply[0]), names, arguments)
        for name in names:
            self.client.persist(name)  # that buckets expire is seen elsewhere; here it would depend on our own pace
            value = self.client.get(name)
            kept = self.model.kept.pop(name, None) if value is None else self.model.kept[name]
            assert value is None or (kept is not None and value == stored(kept))


def facts(shape: Shape) -> tuple[int, int, int, int]:
    return shape.amount, shape.period, shape.burst, shape.window.ends * 1000 if shape.window else 0


def stored(kept: Kept) -> bytes:
    return f"{kept.debt} {kept.since} {kept.period} {kept.taken}".encode()


@pytest.fixture
def client(redis_settings: RedisSettings) -> Iterator[redis.Redis]:
    with connect(redis_settings) as client:
        yield client


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shapes=st.lists(SHAPES, min_size=3, max_size=3), steps=STEPS)
def test_the_scripts_equal_the_model(client: redis.Redis, shapes: list[Shape], steps: list[Any]) -> None:
    client.flushall()
    both = Both(client, [*shapes])
    run = {"spend": both.spend, "lease": both.lease, "pass": both.move, "change": both.change}
    for name, *arguments in steps:
        run[name](*arguments)


@pytest.mark.parametrize("shape", [Shape(1, LARGEST // 1000, 1000), Shape(999_983, 2_592_000, 10**9)])
def test_the_largest_numbers_are_exact(client: redis.Redis, shape: Shape) -> None:
    both = Both(client, [shape, shape, shape])
    for _ in range(20):
        both.spend([shape.burst // 20, 1, 7])
        both.lease(0, 40, 1, 11, 0)
    assert both.model.kept[NAMES[0]].debt > LARGEST // 2


def test_an_unreadable_bucket_is_a_full_one(client: redis.Redis) -> None:
    client.set(NAMES[0], "12 34")
    reply = client.register_script(LEASE.text)(keys=[NAMES[0]], args=[1, 1000, 10, 0, 4, 1, 0, 0])
    assert reply[1] == 4
