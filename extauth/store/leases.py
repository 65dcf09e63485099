"""All leases of this process: spending from them, and asking for more in the background before they run out.

Most callers are slow, and ask Redis each time. A lease begins when a bucket is spent from so often that it is worth it,
and ends when it no longer is.
"""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

from extauth.store.bucket import Level
from extauth.store.draw import Bucket, Draw
from extauth.store.errors import StoreUnavailableError
from extauth.store.lease import AHEAD, HOLD, LEAST, SHARE, Granted, Lease, put_back
from extauth.store.queue import Need
from extauth.store.refusals import Refusals
from extauth.store.shared_buckets import Ahead, Got, TakeAhead
from extauth.telemetry.sidecar_metrics import SidecarMetrics

_PATIENCE = 1.0  # seconds, by the clock of the Redis thread, for a question in the background
_REST = 0.05  # seconds after one that failed
_MOST = 10_000
_OUTCOMES = ("full", "short", "empty", "failed")
_SHORTEST = 0.05  # seconds that the first requests are taken to have come in

Submit = Callable[[Need], None]


class Leases:
    """`take` from any thread. `submit` queues for the Redis thread, on which `learned` is told what Redis says of a
    bucket. `replicas` says how many processes share the buckets. `clock` is monotonic, `wall` Unix seconds.
    """

    def __init__(
        self,
        submit: Submit,
        metrics: SidecarMetrics,
        learned: Callable[[Bucket, Level], None],
        replicas: Callable[[], int],
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._submit = submit
        self._learned = learned
        self._replicas = replicas
        self._taken, self._returned = map(metrics.lease_tokens.labels, ("taken", "returned"))
        self._requests = {outcome: metrics.lease_requests.labels(outcome) for outcome in _OUTCOMES}
        self._clock = clock
        self._wall = wall
        self._leases: dict[str, Lease] = {}
        self._refusals = Refusals()
        self._spends = Counter[str]()
        self._spends_since = -math.inf
        self._lock = threading.Lock()
        self._closed = False

    def __len__(self) -> int:
        return len(self._leases)

    def take(self, draw: Draw, now: float) -> list[Granted] | None:
        """All tokens of a request, or None and no token."""
        leases = self._leases
        taken: list[Granted] = []
        for name in draw.tokens:
            lease = leases.get(name)
            if lease is None:
                break
            granted = lease.take(now)
            if granted is None:
                break
            taken.append(granted)
            if len(lease.tokens) <= lease.low and now >= lease.ask_at:
                self._ask(draw, now)
        else:
            return taken
        put_back(taken)
        return None

    def take_some(self, bucket: Bucket, now: float) -> list[Granted]:
        """All tokens that a request takes from one bucket, or none."""
        has_lease = bucket.leased and bucket.name in self._leases
        return (self.take(Draw([bucket]), now) if has_lease else None) or []

    def replenish(self, buckets: Sequence[Bucket], now: float) -> None:
        """A request has to ask Redis for tokens of these: those that have leases are asked for more."""
        leased = [bucket for bucket in buckets if bucket.leased and bucket.name in self._leases]
        if leased:
            self._ask(Draw(leased), now)

    def refused(self, draw: Draw, now: float) -> tuple[Bucket, Level] | None:
        """A bucket of the request that is known to have too little, and its level."""
        for bucket in draw.buckets:
            if bucket.leased:
                lease = self._leases.get(bucket.name)
                if lease is None or len(lease.tokens) < bucket.cost:
                    level = self._refusals.find(bucket, now)
                    if level is not None:
                        return bucket, level
        return None

    def learn(self, buckets: Sequence[Bucket], levels: Sequence[Level], asked: float) -> None:
        """What Redis, asked at a time, said of buckets that a request tried to spend from. On the Redis thread."""
        now = self._clock()
        allowed = all(level.enough for level in levels)
        for bucket, level in zip(buckets, levels, strict=True):
            if bucket.leased and not level.enough:
                self._refusals.note(bucket, level, asked, now)
                self._is_empty(bucket)
            elif bucket.leased and allowed:
                self._spent(bucket, level, now)

    def discard(self, bucket: Bucket, count: int) -> None:
        """Take tokens out of the shared bucket, as many as there are, for spending that it does not know of."""
        self._tell(Ahead(bucket, wanted=count))

    def sweep(self) -> None:
        """Give back the tokens whose time is over, and forget leases that are no longer worth it."""
        now = self._clock()
        for lease in list(self._leases.values()):
            with self._lock:
                unused = lease.expired(now)
                if lease.is_over(now):
                    self._leases.pop(lease.bucket.name, None)
            self._give_back(lease.bucket, unused)

    def close(self) -> None:
        """Give all tokens back; checks that still come ask Redis."""
        with self._lock:
            self._closed = True
            leases, self._leases = self._leases, {}
        for lease in leases.values():
            self._give_back(lease.bucket, lease.everything())

    def _is_empty(self, bucket: Bucket) -> None:
        """A request has been refused by Redis."""
        lease = self._leases.get(bucket.name)
        if lease is not None:
            lease.is_dry = True

    def _spent(self, bucket: Bucket, level: Level, now: float) -> None:
        """A request has had its tokens from Redis: enough of those in a short time make a lease."""
        lease = self._leases.get(bucket.name)
        if lease is not None:
            lease.spent_elsewhere(bucket.cost)
            lease.know(level, self._wall())
            if not lease.is_dry:  # else it is for the lease to tell whether the bucket is empty still
                self._refusals.forget(bucket)
            return
        self._refusals.forget(bucket)
        if now - self._spends_since > AHEAD:
            self._spends, self._spends_since = Counter(), now
        self._spends[bucket.name] += bucket.cost
        if self._spends[bucket.name] >= LEAST <= bucket.shape.burst // SHARE and len(self._leases) < _MOST:
            rate = self._spends.pop(bucket.name) / max(now - self._spends_since, _SHORTEST)
            lease = Lease(bucket, rate, now)
            lease.know(level, self._wall())
            with self._lock:
                if self._closed:
                    return
                self._leases[bucket.name] = lease
            self._ask(Draw([bucket]), now)

    def _ask(self, draw: Draw, now: float) -> None:
        """Ask for tokens of all buckets of a request of whose leases little is left, at once."""
        asking: list[Lease] = []
        wishes: list[Ahead] = []
        with self._lock:
            for bucket in draw.buckets:
                lease = self._leases.get(bucket.name)
                if lease is not None and now >= lease.ask_at:
                    lease.become(bucket, self._replicas())
                    wanted = lease.wanted(now)
                    if wanted:
                        lease.ask_at = math.inf
                        asking.append(lease)
                        wishes.append(Ahead(bucket, wanted, lease.share))

        def answered(found: list[Got] | StoreUnavailableError) -> None:
            if isinstance(found, StoreUnavailableError):
                self._failed(asking)
            else:
                for lease, got in zip(asking, found, strict=True):
                    self._granted(lease, got, now)

        if wishes:
            self._submit(TakeAhead(wishes, time.monotonic() + _PATIENCE, answered))

    def _failed(self, asking: Sequence[Lease]) -> None:
        for lease in asking:
            lease.ask_at = self._clock() + _REST
            self._requests["failed"].inc()

    def _granted(self, lease: Lease, got: Got, asked: float) -> None:
        now, granted = self._clock(), Granted(lease, asked + HOLD, got.taken)
        is_full = got.level.enough
        is_empty = not is_full and got.level.remaining < lease.bucket.cost
        self._taken.inc(got.granted)
        self._requests["full" if is_full else "short" if got.granted else "empty"].inc()
        with self._lock:
            is_kept = self._leases.get(lease.bucket.name) is lease
            if is_kept:
                lease.bring(granted, got.granted)
                lease.is_dry |= is_empty
                lease.know(got.level, self._wall())
                lease.ask_at = self._refusals.note(lease.bucket, got.level, asked, now) if is_empty else now
        self._learned(lease.bucket, got.level)
        if not is_kept:
            self._give_back(lease.bucket, Counter({granted: got.granted}))
        elif not is_empty:
            self._refusals.forget(lease.bucket)

    def _give_back(self, bucket: Bucket, unused: Counter[Granted]) -> None:
        for granted, count in unused.items():
            if count:
                self._returned.inc(count)
                self._tell(Ahead(bucket, unused=count, taken_then=granted.taken))

    def _tell(self, wish: Ahead) -> None:
        """Whatever the answer."""
        self._submit(TakeAhead([wish], time.monotonic() + _PATIENCE, lambda _: None))
