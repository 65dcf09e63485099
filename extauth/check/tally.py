"""Counting checks, with every metric child bound ahead so that a check neither makes nor looks up label sets."""

from collections.abc import Sequence

from extauth.policy.reasons import Reason
from extauth.policy.schema import Api
from extauth.store.bucket import Level
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
            for source in ("redis", "local")
            for enough in (True, False)
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

    def spends(self, api: str, limits: Sequence[str], levels: Sequence[Level], source: str) -> None:
        for limit, level in zip(limits, levels, strict=True):
            self._spends[api, limit, source, level.enough].inc()
