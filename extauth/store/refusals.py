"""Buckets that Redis has said to be empty: until the time that it named, nobody needs to ask again."""

from extauth.settings.rate import MICROSECONDS
from extauth.store.bucket import Kept, Level, debt_at
from extauth.store.draw import Bucket

PACE = 0.02
"""Seconds between questions for a bucket that goes on being asked for more than it has."""
LONGEST = 1.0
"""Seconds that a refusal is believed: meanwhile others may give back what they had taken ahead."""
_MOST = 50_000


class _Refusal:
    __slots__ = ("cost", "kept", "until")

    def __init__(self, kept: Kept, cost: int, until: float) -> None:
        self.kept = kept
        self.cost = cost
        """Tokens that were too many; less may be there."""
        self.until = until


class Refusals:
    """By the name of the bucket. From any thread; at worst two checks ask where one would do."""

    def __init__(self) -> None:
        self._found: dict[str, _Refusal] = {}

    def note(self, bucket: Bucket, level: Level, asked: float, now: float) -> float:
        """Redis, `asked` at one time, says at another that the bucket has too little; until when to believe it.

        Monotonic seconds. Times of the bucket are no later than they really are, and so is the end.
        """
        until = max(min(asked + level.wait(bucket.cost), now + LONGEST), now + PACE)
        if len(self._found) >= _MOST:
            self._found.clear()  # right at all times: Redis is asked again
        kept = Kept(level.debt, int(asked * MICROSECONDS), bucket.shape.period)
        self._found[bucket.name] = _Refusal(kept, bucket.cost, until)
        return until

    def forget(self, bucket: Bucket) -> None:
        """The bucket has given a token."""
        self._found.pop(bucket.name, None)

    def find(self, bucket: Bucket, now: float) -> Level | None:
        """What a caller is told while it is known that the bucket has too little; None when Redis must be asked.

        Of checks that follow each other so closely that the bucket is empty again, one asks, and the rest hear from it.
        """
        refusal = self._found.get(bucket.name)
        if refusal is None or bucket.cost < refusal.cost:
            return None
        if now >= refusal.until:
            if now - refusal.until < PACE:
                refusal.until = now + PACE
            else:
                self._found.pop(bucket.name, None)
            return None
        shape = bucket.shape
        debt = debt_at(refusal.kept, shape, int(now * MICROSECONDS))
        return Level(shape, enough=False, debt=max(debt, (shape.burst - bucket.cost) * shape.period + 1))
