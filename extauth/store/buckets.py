"""Spending from buckets in Redis; from local ones while Redis is away."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from redis.client import Pipeline

from extauth.store.bucket import Kept, Level, Shape, debt_at, spend
from extauth.store.errors import StoreUnavailableError
from extauth.store.queue import RedisQueue
from extauth.store.scripts import SPEND


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket to take `cost` tokens from; `name` is its name in Redis."""

    name: str
    shape: Shape
    cost: int = 1


Spent = Callable[[list[Level] | StoreUnavailableError], None]


class SharedBuckets:
    """The buckets that all replicas share. `spend` from any thread; the answer comes on the Redis thread."""

    def __init__(self, queue: RedisQueue) -> None:
        self._queue = queue

    def spend(self, buckets: Sequence[Bucket], deadline: float, done: Spent) -> None:
        """One atomic call for all buckets of a request, which belong to one tenant and so to one Cluster slot."""
        self._queue.submit(_Spend(buckets, deadline, done))


class _Spend:
    """One call of spend.lua: a `Need` of the queue."""

    def __init__(self, buckets: Sequence[Bucket], deadline: float, done: Spent) -> None:
        self.deadline = deadline
        self._buckets = buckets
        self._done = done

    def ask(self, pipeline: Pipeline) -> int:
        names = [bucket.name for bucket in self._buckets]
        arguments = [
            number
            for bucket in self._buckets
            for number in (bucket.shape.amount, bucket.shape.period, bucket.shape.burst, bucket.cost)
        ]
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


class LocalBuckets:
    """Buckets in this process only, bounded in number; the least recently used ones are forgotten first."""

    def __init__(self, size: int, clock: Callable[[], int] = lambda: time.monotonic_ns() // 1000) -> None:
        self._size = size
        self._clock = clock
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._lock = threading.Lock()

    def spend(self, buckets: Sequence[Bucket]) -> list[Level]:
        now = self._clock()
        with self._lock:
            debts = [debt_at(self._kept.get(bucket.name), bucket.shape, now) for bucket in buckets]
            levels = spend(debts, [bucket.shape for bucket in buckets], [bucket.cost for bucket in buckets])
            for bucket, level in zip(buckets, levels, strict=True):
                self._kept[bucket.name] = Kept(level.debt, now, bucket.shape.period)
                self._kept.move_to_end(bucket.name)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
        return levels
