"""The queue that fits the Redis of the settings."""

from extauth.settings.redis import RedisSettings
from extauth.store.client import cluster, connect
from extauth.store.cluster_queue import ClusterQueue
from extauth.store.queue import Queue, RedisQueue
from extauth.telemetry.sidecar_metrics import SidecarMetrics

_CONNECTIONS = 3  # to each node


def queue_for(settings: RedisSettings, metrics: SidecarMetrics) -> Queue:
    """Not started yet. Raises SecretError."""
    if settings.cluster is not None:
        return ClusterQueue(cluster(settings, connections=_CONNECTIONS), metrics)
    return RedisQueue(connect(settings, connections=_CONNECTIONS), metrics)
