"""The bucket that a caller is told of, and how it stands."""

import math
import random
from collections.abc import Sequence
from typing import NamedTuple

from extauth.store.bucket import Level
from extauth.store.draw import Bucket

_LONGEST = 366 * 86_400  # seconds; a cost that never fits is not infinitely far away in a header


class RateStatus(NamedTuple):
    """The bucket that binds the caller most. Times in whole seconds, rounded up."""

    limited: bool
    name: str
    """Of the limit."""
    limit: int
    remaining: int
    reset_at: int
    """Unix seconds at which the bucket is full again."""
    reset_in: int
    retry_after: int


def status_of(buckets: Sequence[Bucket], levels: Sequence[Level], now: float, jitter: float = 0.0) -> RateStatus:
    """The level to report: of those that refused the one that refuses longest, else the one nearest to empty.

    `now` in Unix seconds. The wait is made longer by up to `jitter` of it, at random.
    """
    found = list(zip(buckets, levels, strict=True))
    limited = [(bucket, level) for bucket, level in found if not level.enough]
    if limited:
        bucket, level = max(limited, key=lambda refused: _wait(refused[0], refused[1], now))
    else:
        bucket, level = min(found, key=lambda left: left[1].remaining / left[1].shape.burst)
    wait = min(_wait(bucket, level, now), _LONGEST) * (1 + random.uniform(0, jitter))  # noqa: S311 (no secret)
    reset_at = level.full_at(now)
    return RateStatus(
        limited=bool(limited),
        name=bucket.limit,
        limit=bucket.shape.burst,
        remaining=level.remaining,
        reset_at=math.ceil(reset_at),
        reset_in=max(math.ceil(reset_at - now), 0),
        retry_after=max(math.ceil(wait), 1),
    )


def _wait(bucket: Bucket, level: Level, now: float) -> float:
    """Seconds until the request may pass; of a quota, until the next window."""
    wait, window = level.wait(bucket.cost), level.shape.window
    return max(window.ends - now, 0) if window and wait > 0 and bucket.cost <= level.shape.burst else wait
