"""The headers that tell of limits, made cheaply: most of their bytes are the same for all requests of a moment, and
only the number of tokens that remains differs.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

from extauth.check import answer
from extauth.check.answer import Header
from extauth.check.rate_status import RateStatus
from extauth.policy.rate_limit_headers import RateLimitHeaders
from extauth.store.bucket import Shape
from extauth.store.draw import Draw
from extauth.store.lease import Granted

_PLACE = "?"


class RateHeaders:
    """What the answers of one API tell of limits. `wall` in Unix seconds."""

    def __init__(self, settings: RateLimitHeaders, wall: Callable[[], float]) -> None:
        self.jitter = settings.retry_after_jitter
        self._has_x_ratelimit = "x-ratelimit" in settings.fields
        self._has_ietf = "ietf" in settings.fields
        self._wall = wall

    def of_leases(self, draw: Draw, taken: Sequence[Granted]) -> bytes:
        """To append to a grant's response: of the bucket nearest to empty of those whose leases gave tokens."""
        nearest, found = 2.0, taken[0].lease
        for granted in taken:
            lease = granted.lease
            left = (lease.left + len(lease.tokens)) / lease.burst
            if left < nearest:
                nearest, found = left, lease
        remaining = found.left + len(found.tokens)
        if remaining > found.burst:  # noqa: PLR1730 (on the path of every check, and `min` is slow)
            remaining = found.burst
        more = _x_ratelimit(found.burst, remaining, found.reset_at) if self._has_x_ratelimit else b""
        if self._has_ietf:
            reset_in = max(found.reset_at - int(self._wall()), 0)
            more += _policy(draw) + _ietf(found.bucket.limit, remaining, reset_in)
        return more

    def of_status(self, draw: Draw, status: RateStatus) -> bytes:
        """The same, by what Redis said."""
        more = _x_ratelimit(status.limit, status.remaining, status.reset_at) if self._has_x_ratelimit else b""
        return more + _policy(draw) + _ietf(status.name, status.remaining, status.reset_in) if self._has_ietf else more

    def of_refusal(self, draw: Draw, status: RateStatus) -> list[Header]:
        """With Retry-After (RFC 9110, 10.2.3)."""
        found = [("retry-after", str(status.retry_after))]
        if self._has_x_ratelimit:
            found += x_ratelimit(status.limit, str(status.remaining), status.reset_at)
        if self._has_ietf:
            found += [*ietf_policy(draw), *ietf(status.name, str(status.remaining), status.reset_in)]
        return found


def x_ratelimit(limit: int, remaining: str, reset_at: int) -> list[Header]:
    """`limit` and `remaining` in tokens, `reset_at` in Unix seconds."""
    return [
        ("x-ratelimit-limit", str(limit)),
        ("x-ratelimit-remaining", remaining),
        ("x-ratelimit-reset", str(reset_at)),
    ]


def ietf(name: str, remaining: str, reset_in: int) -> list[Header]:
    """RateLimit, a List (RFC 9651, 3.1): the limit, the tokens that remain, and the seconds until it is full."""
    return [("ratelimit", f'"{name}";r={remaining};t={reset_in}')]


def ietf_policy(draw: Draw) -> list[Header]:
    """RateLimit-Policy: each limit's size, and the seconds in which it fills."""
    policies = (f'"{bucket.limit}";q={bucket.shape.burst};w={_window(bucket.shape)}' for bucket in draw.buckets)
    return [("ratelimit-policy", ", ".join(policies))]


def _window(shape: Shape) -> int:
    if shape.window is not None:
        return shape.window.ends - shape.window.begins
    return math.ceil(shape.burst / shape.rate)


def _x_ratelimit(limit: int, remaining: int, reset_at: int) -> bytes:
    text = b"%d" % remaining
    before, after = _around_x_ratelimit(limit, len(text), reset_at)
    return before + text + after


def _ietf(name: str, remaining: int, reset_in: int) -> bytes:
    text = b"%d" % remaining
    before, after = _around_ietf(name, len(text), reset_in)
    return before + text + after


# What stands before and after a number of so many digits: the lengths in the message depend on those.


@lru_cache(maxsize=4096)
def _around_x_ratelimit(limit: int, digits: int, reset_at: int) -> tuple[bytes, bytes]:
    return _around(x_ratelimit(limit, _PLACE * digits, reset_at), digits)


@lru_cache(maxsize=4096)
def _around_ietf(name: str, digits: int, reset_in: int) -> tuple[bytes, bytes]:
    return _around(ietf(name, _PLACE * digits, reset_in), digits)


def _around(headers: Sequence[Header], digits: int) -> tuple[bytes, bytes]:
    before, after = answer.more(headers).split(_PLACE.encode() * digits)
    return before, after


@lru_cache(maxsize=4096)
def _policy(draw: Draw) -> bytes:
    return answer.more(ietf_policy(draw))
