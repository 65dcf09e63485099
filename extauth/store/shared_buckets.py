"""Buckets in Redis: the two calls that are made of them, as needs of the Redis thread."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from redis.client import Pipeline

from extauth.store.bucket import Level
from extauth.store.draw import Bucket
from extauth.store.errors import StoreUnavailableError
from extauth.store.scripts import LEASE, SPEND

Spent = Callable[[list[Level] | StoreUnavailableError], None]


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


class Ahead(NamedTuple):
    """What to do with one bucket: take as many tokens as there are of those `wanted`, and give back `unused` ones."""

    bucket: Bucket
    wanted: int = 0
    unused: int = 0
    taken_then: int = 0
    """The bucket's count of tokens taken when the unused ones were granted."""


class Got(NamedTuple):
    """What came of it: tokens granted, the level afterwards (`enough`: all that was wanted), and the count by then."""

    granted: int
    level: Level
    taken: int


Taken = Callable[[list[Got] | StoreUnavailableError], None]


class TakeAhead:
    """Take tokens of buckets of one Cluster slot ahead, or give them back."""

    def __init__(self, wishes: Sequence[Ahead], deadline: float, done: Taken) -> None:
        self.deadline = deadline
        self._wishes = wishes
        self._done = done

    def ask(self, pipeline: Pipeline) -> int:
        names = [wish.bucket.name for wish in self._wishes]
        arguments = [number for wish in self._wishes for number in (*_shape(wish.bucket), *wish[1:])]
        pipeline.evalsha(LEASE.sha, len(names), *names, *arguments)
        return 1

    def answer(self, replies: Sequence[Any]) -> None:
        facts = replies[0][1:]
        self._done(
            [
                Got(granted, Level(wish.bucket.shape, granted == wish.wanted, int(debt)), int(taken))
                for wish, granted, debt, taken in zip(self._wishes, facts[::3], facts[1::3], facts[2::3], strict=True)
            ]
        )

    def fail(self, error: StoreUnavailableError) -> None:
        self._done(error)


def _shape(bucket: Bucket) -> tuple[int, int, int]:
    shape = bucket.shape
    return shape.amount, shape.period, shape.burst
