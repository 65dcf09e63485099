"""The time by Redis' clock, which limits go by: replicas agree on a quota's window, whatever their own clocks say."""

import time
from collections.abc import Callable


class RedisClock:
    """Goes on from what Redis said last as the monotonic clock does; before that it is this machine's. Any thread."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._monotonic = monotonic
        self._wall = wall
        self._ahead: float | None = None

    def now(self) -> float:
        """Unix seconds."""
        return self._wall() if self._ahead is None else self._monotonic() + self._ahead

    def ahead(self) -> float:
        """By how many seconds it is ahead of this machine's; 0 until Redis was heard."""
        return self.now() - self._wall()

    def set(self, now: float) -> None:
        """Redis has just said what its time is, in Unix seconds."""
        self._ahead = now - self._monotonic()
