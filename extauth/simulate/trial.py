"""Trial: what one candidate makes of the arrivals. The arithmetic is that of Redis' script, of all buckets at once."""

from extauth.settings.window import window_at
from extauth.simulate.arrival import Arrival
from extauth.simulate.caller_count import CallerCount
from extauth.simulate.candidate import Candidate
from extauth.simulate.timeline import Timeline
from extauth.simulate.times import SECOND
from extauth.simulate.tried_limit import Caller, TriedLimit
from extauth.store.bucket import Kept, debt_at, spend


class LimitCount:
    """The buckets of one limit."""

    def __init__(self, limit: TriedLimit) -> None:
        self.limit = limit
        self.callers: dict[Caller, CallerCount] = {}
        self._window_begins = self._window_ends = 0

    def of(self, caller: Caller, now: int) -> CallerCount:
        """The bucket of a caller."""
        found = self.callers.get(caller)
        if found is None:
            found = self.callers[caller] = CallerCount(now)
        if self.limit.unit is not None:
            if now >= self._window_ends:
                window = window_at(self.limit.unit, now // SECOND)
                self._window_begins, self._window_ends = window.begins * SECOND, window.ends * SECOND
            found.begin(self._window_begins)
        return found


class Trial:
    """Give it arrivals in order; one that comes late all the same counts as of the time of the last."""

    def __init__(self, candidate: Candidate) -> None:
        self.candidate = candidate
        self.limits = [LimitCount(limit) for limit in candidate.limits]
        self.timeline = Timeline()
        self.requests = 0
        self.limited = 0
        """Requests that were refused, by whatever limits."""
        self.late = 0
        self._now = 0

    def arrive(self, arrival: Arrival) -> bool:
        """Whether it is let through."""
        self.late += arrival.time < self._now
        self._now = max(self._now, arrival.time)
        allowed = self._spend(arrival)
        self.requests += 1
        self.limited += not allowed
        self.timeline.add(self._now, limited=not allowed)
        return allowed

    def _spend(self, arrival: Arrival) -> bool:
        now = self._now
        draws = [
            (found.of(draw.caller, now), found.limit.shape, draw.cost)
            for found in self.limits
            if (draw := found.limit.draw(arrival)) is not None
        ]
        debts = [debt_at(bucket.kept, shape, now) for bucket, shape, _ in draws]
        levels = spend(debts, [shape for _, shape, _ in draws], [cost for _, _, cost in draws])
        allowed = all(level.enough for level in levels)
        for (bucket, shape, cost), level in zip(draws, levels, strict=True):
            if allowed:
                bucket.kept = Kept(level.debt, now, shape.period)
            bucket.asked(level, cost, now)
        return allowed
