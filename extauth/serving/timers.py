"""What a loop does later."""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

Act = Callable[[], None]


class Timers:
    """Moments are monotonic seconds, in any order. For one thread."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Act]] = []
        self._numbers = count()  # of two that are due together the older is first, and acts are never compared

    def __bool__(self) -> bool:
        return bool(self._heap)

    def at(self, moment: float, act: Act) -> None:
        heappush(self._heap, (moment, next(self._numbers), act))

    def next(self) -> float:
        """When the soonest is due. IndexError when there is none."""
        return self._heap[0][0]

    def take_due(self, now: float) -> Act | None:
        """Remove and return the soonest if it is due."""
        return heappop(self._heap)[2] if self._heap and self._heap[0][0] <= now else None
