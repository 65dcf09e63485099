"""What a load found."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Result:
    """Latencies in seconds, of right answers alone; whatever else was asked is among the errors."""

    latencies: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    """How many ended otherwise, by how they did."""
    seconds: float = 0.0

    @property
    def answered(self) -> int:
        return len(self.latencies)

    @property
    def failed(self) -> int:
        return self.errors.total()

    @property
    def rate(self) -> float:
        """Right answers a second."""
        return self.answered / self.seconds if self.seconds else 0.0

    def quantile(self, share: float) -> float:
        """The latency that this share of the answers did not exceed."""
        if not self.latencies:
            return float("inf")
        self.latencies.sort()
        return self.latencies[min(int(len(self.latencies) * share), len(self.latencies) - 1)]
