"""CallerCount: one bucket of a limit, and what became of the arrivals that asked it for tokens."""

from extauth.simulate.times import MINUTE
from extauth.store.bucket import Kept, Level, Shape


class CallerCount:
    """Times in microseconds since 1970, 0 before there was any refusal."""

    __slots__ = (
        "_backlog",
        "_minute",
        "_minute_limited",
        "_most_backlog",
        "_since",
        "first",
        "kept",
        "last",
        "limited",
        "requests",
        "worst_limited",
        "worst_minute",
    )

    def __init__(self, now: int) -> None:
        self.kept: Kept | None = None
        """The bucket."""
        self.requests = 0
        self.limited = 0
        """Requests that this bucket had too little for."""
        self.first = 0
        self.last = 0
        self.worst_minute = 0
        """The minute, by the clock, in which most were refused; the first of several."""
        self.worst_limited = 0
        self._minute = 0
        self._minute_limited = 0
        self._backlog = 0
        self._most_backlog = 0
        self._since = now

    def begin(self, window: int) -> None:
        """A window of a quota, by when it began: what was spent before is not of this one."""
        if self._since < window:
            self.kept, self._backlog = None, 0

    def asked(self, level: Level, cost: int, now: int) -> None:
        """A request came, `level` being what it met."""
        shape = level.shape
        self.requests += 1
        self._backlog = max(self._backlog - (now - self._since) * shape.amount, 0) + cost * shape.period
        self._most_backlog = max(self._most_backlog, self._backlog)
        self._since = now
        if not level.enough:
            self._refused(now)

    def burst_needed(self, shape: Shape) -> int:
        """The burst with which this rate would have had tokens for all that came."""
        return -(-self._most_backlog // shape.period)

    def _refused(self, now: int) -> None:
        self.limited += 1
        self.first = self.first or now
        self.last = now
        minute = now - now % MINUTE
        if minute != self._minute:
            self._minute, self._minute_limited = minute, 0
        self._minute_limited += 1
        if self._minute_limited > self.worst_limited:
            self.worst_minute, self.worst_limited = minute, self._minute_limited
