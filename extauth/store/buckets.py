"""The tokens of a request: from leases in memory, else from Redis, and from local buckets while that is away."""

import time
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, TypeAlias

from extauth.settings.rate import MICROSECONDS
from extauth.store.bucket import Level
from extauth.store.draw import Bucket, Draw
from extauth.store.errors import StoreUnavailableError
from extauth.store.lease import Granted, put_back
from extauth.store.leases import Leases, Submit
from extauth.store.local_buckets import LocalBuckets
from extauth.store.shared_buckets import Spend
from extauth.telemetry.sidecar_metrics import SidecarMetrics

Source: TypeAlias = Literal["lease", "redis", "local", "none"]
SOURCES: tuple[Source, ...] = ("lease", "redis", "local", "none")
_MOST_LOCAL = 100_000


class Answer(NamedTuple):
    """The level of each bucket that was asked, and where that is known from. All have given tokens, or none has."""

    buckets: Sequence[Bucket]
    levels: Sequence[Level]
    sources: Sequence[Source]


class TokenBuckets:
    """`take` and `refused` answer from memory, on any thread; `ask` answers on the Redis thread.

    `submit` queues for that thread. `replicas` says how many processes share the buckets. `wall` says the time that
    limits go by, in Unix seconds.
    """

    def __init__(
        self,
        submit: Submit,
        metrics: SidecarMetrics,
        replicas: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._submit = submit
        self._clock = clock
        self.wall = wall
        self.leases = Leases(submit, metrics, self._learn, replicas, clock=clock, wall=wall)
        self._local = LocalBuckets(_MOST_LOCAL, replicas, lambda: int(clock() * MICROSECONDS))

    def take(self, draw: Draw, now: float) -> list[Granted] | None:
        """All tokens from leases; None, and no token, when they have too few. `now` in monotonic seconds."""
        return self.leases.take(draw, now) if draw.is_leased else None

    def refused(self, draw: Draw, now: float) -> Answer | None:
        """A refusal by what Redis said a moment ago; None when it must be asked."""
        found = self.leases.refused(draw, now)
        return None if found is None else Answer((found[0],), (found[1],), ("lease",))

    def ask(
        self, draw: Draw, deadline: float, done: Callable[[Answer], None], away: Callable[[], None] | None = None
    ) -> None:
        """Take what leases have, and ask Redis for the rest, all buckets in one call.

        When Redis does not answer, local buckets do; with `away` that is called in place of `done`, and no token taken.
        """
        asked = self._clock()
        held = [self.leases.take_some(bucket, asked) for bucket in draw.buckets]
        rest = [bucket for bucket, taken in zip(draw.buckets, held, strict=True) if not taken]

        def answered(levels: Sequence[Level] | StoreUnavailableError) -> None:
            source: Source = "redis"
            if isinstance(levels, StoreUnavailableError) and away is not None:
                put_back([granted for taken in held for granted in taken])
                away()
                return
            if isinstance(levels, StoreUnavailableError):
                levels, source = self._local.spend(rest), "local"
            else:
                self.leases.learn(rest, levels, asked)
                for bucket, level in zip(rest, levels, strict=True):
                    self._learn(bucket, level)
            if not all(level.enough for level in levels):
                put_back([granted for taken in held for granted in taken])
                # Tokens that were on their way to a lease may have been the last ones, and have come by now.
                taken = self.take(draw, self._clock())
                if taken is not None:
                    done(_from_leases(draw, taken))
                    return
            done(_merged(draw, held, levels, source))

        if rest:
            self._submit(Spend(rest, deadline, answered))
            self.leases.replenish(rest, asked)
        else:
            answered([])

    def _learn(self, bucket: Bucket, level: Level) -> None:
        owed = self._local.learn(bucket, level)
        if owed:
            self.leases.discard(bucket, owed)


def _from_leases(draw: Draw, taken: Sequence[Granted]) -> Answer:
    leases = {granted.lease.bucket.name: granted.lease for granted in taken}
    return Answer(draw.buckets, [leases[bucket.name].level() for bucket in draw.buckets], ["lease"] * len(draw.buckets))


def _merged(draw: Draw, held: Sequence[Sequence[Granted]], levels: Sequence[Level], source: Source) -> Answer:
    """The levels of all buckets in the order of the file; `levels` are of those without a lease."""
    found = iter(levels)
    return Answer(
        draw.buckets,
        [taken[0].lease.level() if taken else next(found) for taken in held],
        ["lease" if taken else source for taken in held],
    )
