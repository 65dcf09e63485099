"""The parts of a sidecar that keep callers to their limits."""

from extauth.store.buckets import TokenBuckets
from extauth.store.names import Names
from extauth.store.queue import Queue
from extauth.store.redis_clock import RedisClock
from extauth.store.replicas import Replicas
from extauth.store.upkeep import Upkeep
from extauth.telemetry.sidecar_metrics import SidecarMetrics


class RateLimits:
    """`start` when the queue runs, then `stop` while it still does."""

    def __init__(self, queue: Queue, names: Names, metrics: SidecarMetrics) -> None:
        clock = RedisClock()
        replicas = Replicas(queue.submit, names, clock.set)
        self.buckets = TokenBuckets(queue.submit, metrics, replicas.count, wall=clock.now)
        self._upkeep = Upkeep(self.buckets.leases, replicas)
        metrics.leases.set_function(lambda: len(self.buckets.leases))
        metrics.replicas.set_function(replicas.count)
        metrics.redis_clock_ahead.set_function(clock.ahead)

    def start(self) -> None:
        self._upkeep.start()

    def stop(self, timeout: float) -> None:
        self._upkeep.stop(timeout)
