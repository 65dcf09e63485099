"""Buckets in this process only, for while Redis is away: each holds this replica's share."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache

from extauth.store.bucket import Kept, Level, Shape, debt_at, spend
from extauth.store.draw import Bucket


class _Local:
    __slots__ = ("kept", "unsettled")

    def __init__(self, kept: Kept, unsettled: int) -> None:
        self.kept = kept
        self.unsettled = unsettled
        """Tokens that were spent here and that Redis has not been told of."""


class LocalBuckets:
    """Bounded in number; the least recently used ones are forgotten first. From any thread.

    `replicas` says how many share a bucket, `clock` microseconds.
    """

    def __init__(
        self, size: int, replicas: Callable[[], int], clock: Callable[[], int] = lambda: time.monotonic_ns() // 1000
    ) -> None:
        self._size = size
        self._replicas = replicas
        self._clock = clock
        self._found: OrderedDict[str, _Local] = OrderedDict()
        self._lock = threading.Lock()

    def learn(self, bucket: Bucket, level: Level) -> int:
        """What Redis says of a bucket, which its share begins with when Redis goes away.

        Returns the tokens that the bucket still lacks for what was spent here: Redis is back, and to be told of them.
        """
        now = self._clock()
        shape = share_of(bucket.shape, self._replicas(), bucket.cost)
        with self._lock:
            found = self._found.get(bucket.name)
            owed = 0
            if found is not None and found.unsettled:
                owed = min(debt_at(found.kept, shape, now) // shape.period, found.unsettled)
            # In its own period a share lacks as much as the bucket does in its: fewer tokens, each worth more.
            self._keep(bucket, _Local(Kept(level.debt + owed * shape.period, now, shape.period), 0))
        return owed

    def spend(self, buckets: Sequence[Bucket]) -> list[Level]:
        """Take each bucket's cost from all of them, or nothing from any."""
        now, replicas = self._clock(), self._replicas()
        shapes = [share_of(bucket.shape, replicas, bucket.cost) for bucket in buckets]
        costs = [bucket.cost for bucket in buckets]
        with self._lock:
            before = [self._found.get(bucket.name) for bucket in buckets]
            debts = [debt_at(one.kept if one else None, shape, now) for one, shape in zip(before, shapes, strict=True)]
            levels = spend(debts, shapes, costs)
            allowed = all(level.enough for level in levels)
            for bucket, level, one in zip(buckets, levels, before, strict=True):
                unsettled = (one.unsettled if one else 0) + bucket.cost * allowed
                self._keep(bucket, _Local(Kept(level.debt, now, level.shape.period), unsettled))
        return levels

    def _keep(self, bucket: Bucket, local: _Local) -> None:
        self._found[bucket.name] = local
        self._found.move_to_end(bucket.name)
        if len(self._found) > self._size:
            self._found.popitem(last=False)


@lru_cache(maxsize=1024)
def share_of(shape: Shape, replicas: int, cost: int) -> Shape:
    """One replica's part of a bucket: a part of the rate, and a part of the burst that still has room for a request."""
    burst = max(shape.burst // replicas, min(cost, shape.burst))
    return Shape(shape.amount, shape.period * replicas, burst, shape.window)
