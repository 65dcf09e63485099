"""Which buckets a request draws on, and what the caller is told about them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from extauth.check.caller import Caller
from extauth.policy.schema import Api, Limit
from extauth.store.bucket import Level, Shape
from extauth.store.buckets import Bucket
from extauth.store.names import Names


@dataclass(frozen=True, slots=True)
class RateStatus:
    """The bucket that binds the caller most, as headers tell of it. Times in whole seconds, rounded up."""

    limited: bool
    limit: int
    remaining: int
    reset_at: int
    """Unix seconds at which the bucket is full again."""
    retry_after: int

    def headers(self) -> list[tuple[str, str]]:
        found = [
            ("x-ratelimit-limit", str(self.limit)),
            ("x-ratelimit-remaining", str(self.remaining)),
            ("x-ratelimit-reset", str(self.reset_at)),
        ]
        return [("retry-after", str(self.retry_after)), *found] if self.limited else found


class Limiter:
    """The limits of one API."""

    def __init__(self, api: Api, names: Names) -> None:
        self._api = api.name
        self._names = names
        self._limits = [(limit.name, limit.by, _shape(limit)) for limit in api.limits]
        self.names = tuple(limit.name for limit in api.limits)

    def buckets(self, caller: Caller) -> list[Bucket]:
        """The buckets that a request of this caller takes a token from, in the order of the file."""
        return [
            Bucket(
                self._names.bucket(caller.bucket_tenant, self._api, name, caller.bucket if by == "key" else ""), shape
            )
            for name, by, shape in self._limits
        ]


def _shape(limit: Limit) -> Shape:
    return Shape.of(limit.rate.amount, limit.rate.period, limit.size)


def status_of(levels: Sequence[Level], now: float) -> RateStatus:
    """The level to report: of those that refused the one that refuses longest, else the one nearest to empty.

    `now` in Unix seconds.
    """
    limited = [level for level in levels if not level.enough]
    if limited:
        level = max(limited, key=lambda refused: refused.wait(1))
    else:
        level = min(levels, key=lambda left: left.remaining / left.shape.burst)
    return RateStatus(
        limited=bool(limited),
        limit=level.shape.burst,
        remaining=level.remaining,
        reset_at=math.ceil(now + level.full_in),
        retry_after=max(math.ceil(level.wait(1)), 1),
    )
