"""When requests are due: at an even pace, or a second's worth of them in a fifth of it, or two seconds' worth."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Traffic = Literal["steady", "bursty", "brimful"]
TRAFFIC: tuple[Traffic, ...] = ("steady", "bursty")
BRIMFUL: Traffic = "brimful"
_EVERY = {"steady": 1, "bursty": 1, "brimful": 2}
"""Seconds after which it begins again."""
_BUSY = {"steady": 1.0, "bursty": 0.2, "brimful": 0.2}
"""Seconds of these in which all requests come."""


@dataclass(frozen=True, slots=True)
class Offered:
    """What all processes together are asked for, for so many seconds."""

    rate: float
    traffic: Traffic
    seconds: float

    def due(self, process: int, processes: int) -> Iterator[float]:
        """Seconds from the start, for one of the processes; they take turns."""
        for number in range(process, int(self.rate * self.seconds), processes):
            at = number / self.rate
            every = _EVERY[self.traffic]
            yield at - at % every + at % every / every * _BUSY[self.traffic]
