"""The X-RateLimit headers of an answer that lets a request pass, made cheaply: most of their bytes are the same for
all requests of a moment, and only the number of tokens that remain differs.
"""

from collections.abc import Sequence
from functools import lru_cache

from extauth.check import answer
from extauth.check.answer import Header
from extauth.store.lease import Granted

_PLACE = "?"


def names_and_values(limit: int, remaining: int | str, reset_at: int) -> list[Header]:
    """`limit` and `remaining` in tokens, `reset_at` in Unix seconds."""
    return [
        ("x-ratelimit-limit", str(limit)),
        ("x-ratelimit-remaining", str(remaining)),
        ("x-ratelimit-reset", str(reset_at)),
    ]


def serialised(limit: int, remaining: int, reset_at: int) -> bytes:
    """To append to a grant's response."""
    text = b"%d" % remaining
    before, after = _around(limit, len(text), reset_at)
    return before + text + after


def of_leases(taken: Sequence[Granted]) -> bytes:
    """The same, of the bucket nearest to empty of those whose leases gave tokens."""
    nearest, limit, remaining, reset_at = 2.0, 0, 0, 0
    for granted in taken:
        lease = granted.lease
        left = lease.left + len(lease.tokens)
        if left / lease.burst < nearest:
            nearest, limit, remaining, reset_at = left / lease.burst, lease.burst, left, lease.reset_at
    shown = remaining if remaining < limit else limit  # noqa: FURB136 (on the path of every check, and `min` is slow)
    return serialised(limit, shown, reset_at)


@lru_cache(maxsize=4096)
def _around(limit: int, digits: int, reset_at: int) -> tuple[bytes, bytes]:
    """What stands before and after a number of so many digits: the lengths in the message depend on those."""
    place = _PLACE * digits
    before, after = answer.more(names_and_values(limit, place, reset_at)).split(place.encode())
    return before, after
