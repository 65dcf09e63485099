"""A sidecar's eyes: the real feed follower and near cache, which ask for one key after another.

Whatever it sees of a key may only become newer: that is more than that no revoked key comes back.
"""

import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Self

import redis
from prometheus_client import CollectorRegistry

from extauth.keys.record import KeyRecord, Status, Version
from extauth.settings.redis import RedisSettings
from extauth.store.client import connect
from extauth.store.errors import StoreUnavailableError, translated
from extauth.store.feed import FEED_PATIENCE, FeedFollower
from extauth.store.key_reader import decode
from extauth.store.names import Names
from extauth.store.near_cache import Freshness, NearCache
from extauth.telemetry.sidecar_metrics import SidecarMetrics
from tests.support.keys import PEPPER


class Observer:
    """Looks from `with` to its end at the keys whose digests `digests` returns."""

    def __init__(self, settings: RedisSettings, names: Names, digests: Callable[[], Sequence[bytes]]) -> None:
        self._client: redis.Redis = connect(settings, timeout=5)
        self._names = names
        self._digests = digests
        self._metrics = SidecarMetrics(CollectorRegistry())
        self.cache = NearCache(100_000, Freshness(max_staleness=5, max_stale=60, negative=5))
        self.follower = FeedFollower(connect(settings, timeout=FEED_PATIENCE), names, self.cache, self._metrics)
        self._newest: dict[bytes, tuple[Version, Status]] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.looks = 0
        self.faults: list[str] = []

    def __enter__(self) -> Self:
        self.follower.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self.follower.stop(5)
        self._client.close()

    def resyncs(self) -> dict[str, float]:
        samples = next(iter(self._metrics.feed_resyncs.collect())).samples
        return {sample.labels["cause"]: sample.value for sample in samples if sample.name.endswith("_total")}

    @property
    def revoked(self) -> int:
        """How many keys have been seen revoked."""
        return sum(status is Status.REVOKED for _, status in self._newest.values())

    def _run(self) -> None:
        choice = random.Random(1)
        while not self._done.wait(0.0005):
            digests = self._digests()
            if digests:
                self._judge(choice.choice(digests))

    def _judge(self, digest: bytes) -> None:
        try:
            record = self.look(digest)
        except StoreUnavailableError:
            return
        self.looks += 1
        if record is None:
            return
        before = self._newest.get(digest)
        if before is not None and record.version < before[0]:
            self.faults.append(f"{record.key_id}: {before[0]} was {record.version} again, {record.status.name}")
        self._newest[digest] = (record.version, record.status)

    def look(self, digest: bytes) -> KeyRecord | None:
        """As a check does: from memory while that is current, else from Redis."""
        now = time.monotonic()
        entry = self.cache.get(digest)
        if entry is not None and self.cache.is_current(entry, now):
            return entry.record
        generation = self.cache.begin_read(digest)
        try:
            with translated():
                record = decode(self._client.get(self._names.record(PEPPER.id, digest)))
        except StoreUnavailableError:
            self.cache.abandon_read(digest)
            raise
        self.cache.end_read(digest, generation, record, now)
        return record
