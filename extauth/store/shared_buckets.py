"""Buckets in Redis: the two calls that are made of them, as needs of the Redis thread."""

from collections.abc import Callable, Sequence
from typing import Any

from redis.client import Pipeline

from extauth.store.bucket import Level
from extauth.store.draw import Bucket
from extauth.store.errors import StoreUnavailableError
from extauth.store.scripts import LEASE, SPEND

Spent = Callable[[list[Level] | StoreUnavailableError], None]
Leased = Callable[[int, Level, int], None]
"""Tokens granted, the level afterwards, and the bucket's count of tokens taken."""


class Spend:
    """Take tokens from buckets of one Cluster slot, all or none."""

    def __init__(self, buckets: Sequence[Bucket], deadline: float, done: Spent) -> None:
        self.deadline = deadline
        self._buckets = buckets
        self._done = done

    def ask(self, pipeline: Pipeline) -> int:
        names = [bucket.name for bucket in self._buckets]
        arguments = [number for bucket in self._buckets for number in (*_shape(bucket), bucket.cost)]
        pipeline.evalsha(SPEND.sha, len(names), *names, *arguments)
        return 1

    def answer(self, replies: Sequence[Any]) -> None:
        _now, *facts = replies[0]
        levels = [
            Level(bucket.shape, facts[2 * index] == 1, int(facts[2 * index + 1]))
            for index, bucket in enumerate(self._buckets)
        ]
        self._done(levels)

    def fail(self, error: StoreUnavailableError) -> None:
        self._done(error)


class TakeAhead:
    """Take as many tokens as there are of those `wanted`; give back `unused` ones of an earlier grant."""

    def __init__(
        self,
        bucket: Bucket,
        deadline: float,
        done: Leased,
        failed: Callable[[], None],
        *,
        wanted: int = 0,
        unused: int = 0,
        taken_then: int = 0,
    ) -> None:
        self.deadline = deadline
        self._bucket = bucket
        self._done = done
        self._failed = failed
        self._numbers = (wanted, unused, taken_then)

    def ask(self, pipeline: Pipeline) -> int:
        pipeline.evalsha(LEASE.sha, 1, self._bucket.name, *_shape(self._bucket), *self._numbers)
        return 1

    def answer(self, replies: Sequence[Any]) -> None:
        _now, granted, debt, taken = replies[0]
        self._done(granted, Level(self._bucket.shape, granted == self._numbers[0], int(debt)), int(taken))

    def fail(self, error: StoreUnavailableError) -> None:  # noqa: ARG002 (the queue has counted it)
        self._failed()


def _shape(bucket: Bucket) -> tuple[int, int, int]:
    shape = bucket.shape
    return shape.amount, shape.period, shape.burst
