"""What a caller is told of its buckets."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from extauth.check.answer import Header
from extauth.check.rate_headers import names_and_values
from extauth.store.bucket import Level
from extauth.store.draw import Bucket

_LONGEST = 366 * 86_400  # seconds; a cost that never fits is not infinitely far away in a header


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
