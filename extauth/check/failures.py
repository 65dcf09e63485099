"""Token buckets of failures, one for each source, in bounded memory."""

import threading
from collections.abc import Callable

MOST_SOURCES = 100_000  # about 200 bytes each


class Failures:
    """Of sources that have failed lately. From any thread; times in seconds.

    A bucket is one number, the moment at which it will be full again (GCRA): a source whose moment is past is like one
    that was never seen. When there are too many, those whose last failure is the longest ago are forgotten.
    """

    def __init__(self, rate: float, burst: int, clock: Callable[[], float], most_sources: int = MOST_SOURCES) -> None:
        """`rate` in failures a second."""
        self._interval = 1 / rate
        self._slack = (burst - 1) / rate
        self._clock = clock
        self._most = most_sources
        self._full_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._full_at)

    def wait(self, source: str) -> float:
        """How long until it may fail once more; 0 when it may now."""
        full_at = self._full_at.get(source)
        return 0.0 if full_at is None else max(full_at - self._slack - self._clock(), 0.0)

    def add(self, source: str) -> float:
        """Take a token, unless there is none: then as `wait` did before."""
        with self._lock:
            wait = self.wait(source)
            if wait:
                return wait
            now = self._clock()
            full_at = max(self._full_at.pop(source, now), now) + self._interval
            while len(self._full_at) >= self._most:
                del self._full_at[next(iter(self._full_at))]
            self._full_at[source] = full_at
            return 0.0
