"""Arrivals in the order of their times. Access logs are in that of their ends."""

import heapq
from collections.abc import Iterator
from itertools import count

from extauth.simulate.arrival import Arrival

KEPT = 50_000
"""Arrivals that are held back, for those that come before them and are written later."""


def ordered(arrivals: Iterator[Arrival], kept: int = KEPT) -> Iterator[Arrival]:
    """Right as long as nothing is more than `kept` places too late; of equal times the first stays first."""
    numbers = count()
    waiting: list[tuple[int, int, Arrival]] = []
    for arrival in arrivals:
        entry = (arrival.time, next(numbers), arrival)
        if len(waiting) < kept:
            heapq.heappush(waiting, entry)
        else:
            yield heapq.heappushpop(waiting, entry)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


def merged(*logs: Iterator[Arrival]) -> Iterator[Arrival]:
    """Of several logs, each in order."""
    return heapq.merge(*logs, key=lambda arrival: arrival.time)
