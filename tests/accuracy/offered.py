"""When requests are due: at an even pace, or a second's worth of them in a fifth of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Traffic = Literal["steady", "bursty"]
TRAFFIC: tuple[Traffic, ...] = ("steady", "bursty")
_BUSY = 0.2  # of each second


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
            yield at if self.traffic == "steady" else int(at) + at % 1 * _BUSY
