"""Lease: tokens of one bucket that this replica has taken ahead, and how many it should take.

A token is spent within HOLD of being asked for, or given back. So all leases together hold no more than was taken from
the bucket in the last HOLD, and what they add to what the bucket itself admits is `rate * HOLD`, see docs/limits.md.
"""

import math
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import suppress

from extauth.store.bucket import Level
from extauth.store.draw import Bucket

HOLD = 0.25
"""Seconds that a token may be kept."""
AHEAD = 0.15
"""Seconds of spending that a lease is made for; the rest of HOLD is for a rate that falls."""
LEAST = 8
"""Tokens: what would be less is not worth a lease."""
MOST = 4096
SHARE = 8
"""A lease is at most one in so many of the tokens of a full bucket, so that a replica leaves some to others."""
_EACH = 2
_MOST_PARTS = 16
"""Of the tokens that are there a lease is at most one in `_EACH` for each replica, or in so many of them."""
_MOST_SINGLY = 64
"""Tokens that are had from Redis one by one while there are too few for that; then what there is is taken."""
_LOW = 3  # when one in so many is left it is time to ask for more
_EARLY = 1.5  # with so many times that many left already, when the request asks for another bucket anyway
_SPAN = 0.02  # seconds; the shortest time that a rate is measured over


class Granted:
    """What came with one grant. Each token in a lease is a reference to its grant."""

    __slots__ = ("expires", "lease", "taken")

    def __init__(self, lease: "Lease", expires: float, taken: int) -> None:
        self.lease = lease
        self.expires = expires
        """Monotonic seconds."""
        self.taken = taken
        """The bucket's count of tokens taken, with these."""


class Lease:
    """Tokens of one bucket. `take` and `put_back` from any thread and without a lock: a deque's ends are atomic.

    All else by one thread at a time. Times in monotonic seconds.
    """

    __slots__ = (
        "_brought",
        "_measured_at",
        "_rate",
        "_seen",
        "_singly",
        "ask_at",
        "bucket",
        "burst",
        "is_dry",
        "left",
        "low",
        "parts",
        "reset_at",
        "tokens",
        "unused",
    )

    def __init__(self, bucket: Bucket, rate: float, now: float) -> None:
        self.bucket = bucket
        self.burst = bucket.shape.burst
        self.tokens: deque[Granted] = deque()
        self.unused: deque[Granted] = deque()
        """Tokens whose time was over when they were about to be spent."""
        self.left = self.burst
        """Tokens in the bucket itself when Redis last said."""
        self.reset_at = 0
        """Unix seconds at which the bucket is full, what leases hold being spent."""
        self.low = -1
        """With so many left it is time to ask for more."""
        self.ask_at = now
        """Not to be asked for more before this; infinite while an answer is awaited."""
        self.parts = 1
        """One in so many of the tokens in the bucket may be taken ahead, unless it is dry."""
        self.is_dry = False
        """Whether the bucket was found empty, or nearly so for long, and has not had enough for everybody since."""
        self._rate = rate
        self._singly = 0
        self._brought = 0
        self._seen = 0
        self._measured_at = now

    def take(self, now: float) -> Granted | None:
        """One token, or None when there is none that may still be spent."""
        try:
            granted = self.tokens.popleft()
            while granted.expires <= now:
                self.unused.append(granted)
                granted = self.tokens.popleft()
        except IndexError:
            return None
        return granted

    def become(self, bucket: Bucket, replicas: int) -> None:
        """Follow a policy, and a number of replicas, that have changed."""
        self.bucket = bucket
        self.burst = bucket.shape.burst
        self.parts = min(_EACH * replicas, _MOST_PARTS) if replicas > 1 else 1

    @property
    def share(self) -> int:
        """What may be asked for is one in so many of the tokens that are there."""
        return 1 if self.is_dry else self.parts

    def wanted(self, now: float) -> int:
        """How many tokens to ask for now; 0 when there are enough, or when the rate is not worth a lease."""
        self._measure(now)
        size = self._fit()
        held = len(self.tokens)
        return size - held if held <= self.low * _EARLY else 0

    def bring(self, granted: Granted, count: int) -> None:
        """Tokens have come."""
        self._brought += count
        self.tokens.extend([granted] * count)

    def know(self, level: Level, wall: float) -> None:
        """What Redis says of the bucket itself, at a time in Unix seconds."""
        self.left = max(min(level.remaining, self.burst - len(self.tokens)), 0)
        self.reset_at = math.ceil(level.full_at(wall))
        self._fit()

    def spent_elsewhere(self, count: int) -> None:
        """Requests had to ask Redis for tokens, which a larger lease would have had."""
        self._brought += count
        self._singly += count
        self.is_dry |= self._singly > _MOST_SINGLY

    @property
    def remaining(self) -> int:
        """Tokens that exist for all this replica knows: its own, and those left in the bucket when Redis last said."""
        return min(self.left + len(self.tokens), self.burst)

    def level(self) -> Level:
        """The bucket as this replica knows it, after a token was taken from the lease."""
        shape = self.bucket.shape
        return Level(shape, enough=True, debt=(shape.burst - self.remaining) * shape.period)

    def expired(self, now: float) -> Counter[Granted]:
        """Take out the tokens whose time is over, by grant."""
        found = Counter[Granted]()
        with suppress(IndexError):  # there are no more
            while self.tokens[0].expires <= now:
                granted = self.tokens.popleft()
                if granted.expires > now:  # a check took the one that was seen
                    self.tokens.appendleft(granted)
                else:
                    found[granted] += 1
        return self._out(found)

    def everything(self) -> Counter[Granted]:
        """Take out all tokens, by grant."""
        return self._out(Counter(_emptied(self.tokens)))

    def is_over(self, now: float) -> bool:
        """Whether nothing is held or awaited and the rate is not worth asking again."""
        if self.tokens or self.ask_at == math.inf:
            return False
        self._measure(now)
        return self._worth() < LEAST

    def _worth(self) -> int:
        """What the rate would have a lease hold, if the bucket had enough of them."""
        return min(math.ceil(self._rate * AHEAD), self.bucket.shape.burst // SHARE, MOST)

    def _fit(self) -> int:
        """How many tokens the lease should hold, by the rate and by what is left in the bucket; 0 when too few."""
        size, room = self._worth(), self.left // self.parts
        if room >= max(size, LEAST):
            self.is_dry, self._singly = False, 0
        elif self.parts > 1 and not self.is_dry:
            size = room
        self.low = size // _LOW if size >= LEAST else -1
        return size if size >= LEAST else 0

    def _out(self, found: Counter[Granted]) -> Counter[Granted]:
        found.update(_emptied(self.unused))
        self._brought -= found.total()
        return found

    def _measure(self, now: float) -> None:
        elapsed = now - self._measured_at
        if elapsed < _SPAN:
            return
        spent = self._brought - len(self.tokens) - len(self.unused)
        self._rate += ((spent - self._seen) / elapsed - self._rate) * min(elapsed / AHEAD, 1)
        self._seen, self._measured_at = spent, now


def put_back(taken: Sequence[Granted]) -> None:
    """Tokens that were taken a moment ago and not spent after all."""
    for granted in reversed(taken):
        granted.lease.tokens.appendleft(granted)


def _emptied(tokens: deque[Granted]) -> Iterator[Granted]:
    with suppress(IndexError):
        while True:
            yield tokens.popleft()
