"""What the nemesis did and when, and what may therefore be known late. Times are monotonic seconds."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(slots=True)
class Trouble:
    """Something was out of order from `begun` to `ended`, which is infinite while it is."""

    name: str
    begun: float
    place: str | None = None
    """The sidecar that it was between, None when nothing was published meanwhile, or nobody could read it."""
    forgotten_since: float = math.inf
    """Redis came back as it was at this time."""
    ended: float = math.inf


@dataclass(frozen=True, slots=True)
class Bounds:
    """In seconds. They are explained in docs/reliability.md."""

    promise: float = 1.0
    """From a commit until all sidecars know of it, as long as nothing is out of order."""
    recovery: float = 5.0
    """From the end of a trouble until nothing is out of order."""
    max_stale: float = 3600.0
    """How long a sidecar that cannot reach Redis goes on with what it knows."""


class Calendar:
    """All troubles of a run."""

    def __init__(self, troubles: Sequence[Trouble], bounds: Bounds) -> None:
        self._troubles = sorted(troubles, key=lambda trouble: trouble.begun)
        self._bounds = bounds

    def must_know(self, place: str, committed: float, now: float) -> bool:
        """Whether the sidecar must know by now of what was committed at a time."""
        return now >= self.known_by(place, committed) and not self._is_forgotten(committed, now)

    def known_by(self, place: str, committed: float) -> float:
        """When what was committed at a time must be known to a sidecar, unless Redis forgets it again."""
        of_all = [trouble for trouble in self._troubles if trouble.place is None]
        of_place = [trouble for trouble in self._troubles if trouble.place in {None, place}]
        # Who cannot hear of it stops when it has heard of nothing for max_stale.
        return min(self._after(committed, of_place), self._after(committed, of_all) + self._bounds.max_stale)

    def _after(self, at: float, troubles: Iterable[Trouble]) -> float:
        """The end of the first span of `promise` seconds, from that time on, in which nothing was out of order."""
        for trouble in troubles:
            if trouble.begun < at + self._bounds.promise:
                at = max(at, trouble.ended + self._bounds.recovery)
        return at + self._bounds.promise

    def _is_forgotten(self, committed: float, now: float) -> bool:
        late = self._bounds.recovery + self._bounds.promise
        return any(
            trouble.forgotten_since <= committed + late and trouble.begun <= now < trouble.ended + late
            for trouble in self._troubles
        )
