"""Timeline: counts by time, in steps that grow with the time that there is to tell of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

_STEPS = (100_000, 500_000, *(n * 1_000_000 for n in (1, 5, 15, 60, 300, 900, 3600, 14_400, 43_200, 86_400, 604_800)))
"""Microseconds; each is a whole number of those before it."""


@dataclass(slots=True)
class Count:
    """Requests that came within a step, and how many of them were refused."""

    requests: int = 0
    limited: int = 0

    @property
    def admitted(self) -> int:
        return self.requests - self.limited


class Timeline:
    """At most `most` steps from the first to the last, as long as a step of a week is enough for that."""

    def __init__(self, most: int = 600) -> None:
        self._most = most
        self._step = _STEPS[0]
        self._counts: dict[int, Count] = {}
        self._first = 0
        self._last = 0

    def add(self, time: int, *, limited: bool) -> None:
        """A request; `time` in microseconds since 1970, and no earlier than those before it."""
        if not self._counts:
            self._first = time
        self._last = time
        if time // self._step - self._first // self._step >= self._most:
            step = _step_for(self._first, time, self._most, self._step)
            self._counts, self._step = self._in_steps_of(step), step
        begin = time - time % self._step
        count = self._counts.get(begin)
        if count is None:
            count = self._counts[begin] = Count()
        count.requests += 1
        count.limited += limited

    def counts(self, most: int) -> "Counts":
        """Every step from the first to the last, empty ones too, at most so many."""
        step = _step_for(self._first, self._last, most, self._step)
        found = self._in_steps_of(step)
        times = range(min(found), max(found) + 1, step) if found else ()
        return Counts(step, [(time, found.get(time, Count())) for time in times])

    def _in_steps_of(self, step: int) -> dict[int, Count]:
        found: dict[int, Count] = {}
        for time, count in self._counts.items():
            sums = found.setdefault(time - time % step, Count())
            sums.requests += count.requests
            sums.limited += count.limited
        return found


class Counts(NamedTuple):
    """What came in each step (microseconds), by the time at which it begins."""

    step: int
    counts: Sequence[tuple[int, Count]]

    @property
    def most(self) -> int:
        """Requests of the busiest step."""
        return max((count.requests for _, count in self.counts), default=0)


def _step_for(first: int, last: int, most: int, least: int) -> int:
    return next((step for step in _STEPS if step >= least and last // step - first // step < most), _STEPS[-1])
