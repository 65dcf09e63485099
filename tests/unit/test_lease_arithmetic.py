"""Why leases are bounded: tokens in leases and in the bucket are never more than the burst and what HOLD brings."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from extauth.settings.rate import MICROSECONDS
from extauth.store.bucket import Shape
from extauth.store.lease import HOLD
from tests.support.model_redis import ModelRedis

SHAPES = [Shape.of(20, 1, 50), Shape.of_quota(50)]
STEP = 10_000  # microseconds
HELD = int(HOLD * MICROSECONDS)


class Holders:
    """Any number of replicas, which spend and return what they hold as they please, but hold nothing for longer."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.now = 1_700_000_000_000_000
        self.redis = ModelRedis()
        self.held: list[list[int]] = []
        """Tokens, the count of tokens taken with them, and when they were taken."""

    def grant(self, wanted: int, share: int = 1) -> None:
        granted, taken = self._call(wanted, share, 0, 0)
        self.held.append([granted, taken, self.now])

    def give_back(self, which: int) -> None:
        if self.held:
            count, taken, _ = self.held.pop(which % len(self.held))
            self._call(0, 1, count, taken)

    def spend(self, which: int) -> None:
        if self.held:
            self.held.pop(which % len(self.held))

    def wait(self, steps: int) -> None:
        for _ in range(steps):
            self.now += STEP
            while self.held and self.held[0][2] + HELD <= self.now:
                self.give_back(0)

    def total(self) -> float:
        """All tokens that could be spent at this moment."""
        debt = int(self.redis.lease(self.now, ["b"], [*self._numbers(), 0, 1, 0, 0])[2])
        return self.shape.burst - debt / self.shape.period + sum(count for count, _, _ in self.held)

    def _call(self, *numbers: int) -> tuple[int, int]:
        _, granted, _, taken = self.redis.lease(self.now, ["b"], [*self._numbers(), *numbers])
        return granted, int(taken)

    def _numbers(self) -> tuple[int, int, int, int]:
        return self.shape.amount, self.shape.period, self.shape.burst, 0


GRANTS = st.tuples(st.just("grant"), st.integers(1, 50), st.sampled_from([1, 1, 2, 16]))
RETURNS = st.tuples(st.just("give_back"), st.integers(0, 5))
SPENDS = st.tuples(st.just("spend"), st.integers(0, 5))
WAITS = st.tuples(st.just("wait"), st.integers(1, 24))
# Everything is taken, kept for as long as may be, and taken by others while it comes back.
ROUND = [("grant", 25), ("wait", 12), ("grant", 50), ("wait", 13)]


@pytest.mark.parametrize("shape", SHAPES, ids=["rate", "quota"])
@settings(max_examples=400, deadline=None)
@given(steps=st.lists(st.one_of(GRANTS, RETURNS, SPENDS, WAITS, WAITS), max_size=60))
@example(steps=ROUND * 12)
@example(steps=[("grant", 50), ("wait", 10), ("grant", 50), ("wait", 15), ("grant", 50), ("wait", 10)] * 10)
def test_leases_and_bucket_together_hold_no_more_than_the_bound(shape: Shape, steps: Sequence[tuple[Any, ...]]) -> None:
    holders = Holders(shape)
    for name, *numbers in steps:
        getattr(holders, name)(*numbers)
        assert holders.total() <= shape.burst + shape.rate * HOLD + 1e-6
