"""Which buckets a request draws on, and what the caller is told about them."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from extauth.check.answer import Header
from extauth.check.caller import Caller
from extauth.check.rate_headers import names_and_values
from extauth.policy.schema import Api, Limit
from extauth.store.bucket import Level, Shape
from extauth.store.draw import Bucket, Draw
from extauth.store.names import Names

_FAST = 50
"""Tokens a second, from which on asking Redis for each of them is a burden."""


class RateStatus(NamedTuple):
    """The bucket that binds the caller most, as headers tell of it. Times in whole seconds, rounded up."""

    limited: bool
    limit: int
    remaining: int
    reset_at: int
    """Unix seconds at which the bucket is full again."""
    retry_after: int

    def headers(self) -> list[Header]:
        found = names_and_values(self.limit, self.remaining, self.reset_at)
        return [("retry-after", str(self.retry_after)), *found] if self.limited else found


class Limiter:
    """The limits of one API."""

    def __init__(self, api: Api, names: Names) -> None:
        self._api = api.name
        self._names = names
        self._limits = [(limit.name, limit.by, shape_of(limit), is_leased(limit)) for limit in api.limits]

    def draw(self, caller: Caller) -> Draw:
        """What each request of this caller takes, in the order of the file."""
        return Draw(
            [
                Bucket(self._name(caller, name, by), shape, leased=leased, limit=name)
                for name, by, shape, leased in self._limits
            ]
        )

    def _name(self, caller: Caller, limit: str, by: str) -> str:
        return self._names.bucket(caller.bucket_tenant, self._api, limit, caller.bucket if by == "key" else "")


def shape_of(limit: Limit) -> Shape:
    return Shape.of(limit.rate.amount, limit.rate.period, limit.size)


def is_leased(limit: Limit) -> bool:
    """Whether its tokens may be taken ahead: `auto` does so where the rate is a burden for Redis, and where what leases
    may add, a quarter of a second of the rate, is at most a quarter of the burst.
    """
    if limit.mode == "auto":
        return shape_of(limit).rate >= _FAST and limit.size >= shape_of(limit).rate
    return limit.mode == "leased"


def status_of(buckets: Sequence[Bucket], levels: Sequence[Level], now: float) -> RateStatus:
    """The level to report: of those that refused the one that refuses longest, else the one nearest to empty.

    `now` in Unix seconds.
    """
    found = list(zip(buckets, levels, strict=True))
    limited = [(bucket, level) for bucket, level in found if not level.enough]
    if limited:
        bucket, level = max(limited, key=lambda refused: refused[1].wait(refused[0].cost))
    else:
        bucket, level = min(found, key=lambda left: left[1].remaining / left[1].shape.burst)
    return RateStatus(
        limited=bool(limited),
        limit=bucket.shape.burst,
        remaining=level.remaining,
        reset_at=math.ceil(now + level.full_in),
        retry_after=max(math.ceil(min(level.wait(bucket.cost), _LONGEST)), 1),
    )


_LONGEST = 366 * 86_400  # seconds; a cost that never fits is not infinitely far away in a header
