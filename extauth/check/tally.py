"""Counting checks, with every metric child bound ahead so that a check neither makes nor looks up label sets."""

from collections.abc import Sequence

from extauth.policy.reasons import Reason
from extauth.policy.schema import Api
from extauth.store.buckets import SOURCES, Answer
from extauth.store.draw import Draw
from extauth.telemetry.cells import Cell, lock
from extauth.telemetry.sidecar_metrics import SidecarMetrics

NO_API = "none"
"""The `api` label of checks that belong to no API."""


class Tally:
    """The counters of one policy."""

    def __init__(self, metrics: SidecarMetrics, apis: Sequence[Api]) -> None:
        names = [*(api.name for api in apis), NO_API]
        self._checks = {
            (name, reason): metrics.checks.labels(name, reason.value) for name in names for reason in Reason
        }
        self._memory, self._redis = map(metrics.check_seconds.labels, ("memory", "redis"))
        lookups = metrics.near_cache_lookups
        self.hit, self.absent, self.miss, self.stale = map(lookups.labels, ("hit", "absent", "miss", "stale"))
        self._spends = {
            (api.name, limit.name, source, enough): metrics.bucket_spends.labels(
                api.name, limit.name, source, "allowed" if enough else "limited"
            )
            for api in apis
            for limit in api.limits
            for source in SOURCES
            for enough in (True, False)
        }
        self._leased = {
            api.name: [self._spends[api.name, limit.name, "lease", True] for limit in api.limits] for api in apis
        }

    def check(self, api: str, reason: Reason, *, lookup: Cell | None, asked_redis: bool, seconds: float) -> None:
        """Count a check that has ended, and with it how the lookup in memory went, if there was one."""
        checks = self._checks[api, reason]
        took = self._redis if asked_redis else self._memory
        with lock:
            checks.value += 1
            took.observe(seconds)
            if lookup is not None:
                lookup.value += 1

    def leased(self, api: str, draw: Draw) -> None:
        """Count a check for which leases had all tokens."""
        cells = self._leased[api]
        if len(draw.buckets) < len(cells):  # not all limits count each request
            cells = [self._spends[api, bucket.limit, "lease", True] for bucket in draw.buckets]
        with lock:
            for cell in cells:
                cell.value += 1

    def unlimited(self, api: str, draw: Draw) -> None:
        """Count a check that passed although no bucket could be asked."""
        for bucket in draw.buckets:
            self._spends[api, bucket.limit, "none", True].inc()

    def spends(self, api: str, found: Answer) -> None:
        for bucket, level, source in zip(*found, strict=True):
            self._spends[api, bucket.limit, source, level.enough].inc()
