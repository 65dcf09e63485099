"""What the requests of one caller take from buckets."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from extauth.check.limit_conditions import Conditions, Found
from extauth.check.limit_terms import Terms
from extauth.check.request import Request
from extauth.settings.window import Window, window_at
from extauth.store.draw import Bucket, Draw
from extauth.store.lease import SHARE

_MOST_KEPT = 8  # of about 1 kB each, for each caller: what requests say may be a client's own choice
_MOST_AHEAD = 64  # tokens of one request that leases give, one by one

Counted = tuple[Found, Window | None]
"""What tells the buckets of a caller's limit from each other."""


class CallerLimit:
    """A limit for one caller. `name_of` makes a bucket's name of the end of it."""

    def __init__(self, limit: str, terms: Terms, conditions: Conditions, name_of: Callable[[str], str]) -> None:
        self._limit = limit
        self._terms = terms
        self._conditions = conditions
        self._name_of = name_of
        self._window: Window | None = None

    @property
    def constant(self) -> Bucket | None:
        """What all requests take; None when they differ."""
        found = self._conditions.constant
        return self.bucket((found, None)) if found and found.cost and self._terms.unit is None else None

    def count(self, request: Request, now: float) -> Counted | None:
        """None when the limit does not count the request. `now` in Unix seconds."""
        found = self._conditions.find(request)
        return (found, self._window_at(now)) if found and found.cost else None

    def bucket(self, counted: Counted) -> Bucket:
        (cost, subject), window = counted
        shape = self._terms.shape
        if window is not None:
            shape, subject = replace(shape, window=window), f"{subject}:{window.unit}={window.name}"
        # A lease is a small part of the bucket, which a large request would seldom find enough in.
        leased = self._terms.leased and (cost == 1 or cost <= min(shape.burst // SHARE, _MOST_AHEAD))
        return Bucket(self._name_of(subject), shape, cost, leased, self._limit)

    def _window_at(self, now: float) -> Window | None:
        unit, window = self._terms.unit, self._window
        if unit is None or (window is not None and window.begins <= now < window.ends):
            return window
        self._window = window_at(unit, now)
        return self._window


class Draws:
    """What a caller's requests take, by what they say and when they come. From any thread."""

    def __init__(self, limits: Sequence[CallerLimit]) -> None:
        self._limits = limits
        self._kept: dict[tuple[Counted | None, ...], Draw] = {}

    @property
    def constant(self) -> Draw | None:
        """What all requests take; None when they differ."""
        buckets = [limit.constant for limit in self._limits]
        found = [bucket for bucket in buckets if bucket is not None]
        return Draw(found) if len(found) == len(buckets) else None

    def of(self, request: Request, now: float) -> Draw:
        """`now` in Unix seconds."""
        counted = tuple([limit.count(request, now) for limit in self._limits])
        kept = self._kept.get(counted)
        if kept is not None:
            return kept
        draw = Draw([limit.bucket(one) for limit, one in zip(self._limits, counted, strict=True) if one is not None])
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[counted] = draw
        return draw
