"""Counting checks, with every metric child bound ahead so that a check neither makes nor looks up label sets."""

from collections.abc import Sequence

from extauth.check.steps import Check
from extauth.policy.reasons import Reason
from extauth.policy.schema import Api
from extauth.store.buckets import SOURCES, Answer
from extauth.store.draw import Draw
from extauth.telemetry.cells import Cell
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

    def check(self, api: str, reason: Reason, seconds: float, check: Check | None = None) -> None:
        """Count what has ended after so many seconds, and with it what `check` has done. With `lock` held.

        Without `check` it belongs to no API.
        """
        self._checks[api, reason].value += 1
        if check is None:
            self._memory.observe(seconds)
            return
        (self._redis if check.asked_redis else self._memory).observe(seconds)
        if check.lookup is not None:
            check.lookup.value += 1
        for cell in check.leased:
            cell.value += 1

    def leased(self, api: str, draw: Draw) -> Sequence[Cell]:
        """What to count when leases had all tokens."""
        cells = self._leased[api]
        if len(draw.buckets) < len(cells):  # not all limits count each request
            return [self._spends[api, bucket.limit, "lease", True] for bucket in draw.buckets]
        return cells

    def unlimited(self, api: str, draw: Draw) -> None:
        """Count a check that passed although no bucket could be asked."""
        for bucket in draw.buckets:
            self._spends[api, bucket.limit, "none", True].inc()

    def spends(self, api: str, found: Answer) -> None:
        for bucket, level, source in zip(*found, strict=True):
            self._spends[api, bucket.limit, source, level.enough].inc()
