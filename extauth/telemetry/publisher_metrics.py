"""What the publisher counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class PublisherMetrics:
    """All series of one publisher, in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.leading = Gauge(
            "extauth_publisher_leading",
            "1 in the replica of the registry that publishes, 0 in those that stand by.",
            registry=registry,
        )
        self.revision = Gauge(
            "extauth_publisher_revision", "Last registry revision that is in Redis.", registry=registry
        )
        self.behind = Gauge(
            "extauth_publisher_revisions_behind", "Registry revisions that are not in Redis yet.", registry=registry
        )
        self.lag = Gauge(
            "extauth_publisher_lag_seconds",
            "Age of the oldest change that is not in Redis yet, 0 when all are; while Redis does not have all keys, "
            "for how long already.",
            registry=registry,
        )
        self.records = Counter(
            "extauth_publisher_records",
            "Key records by what became of them: written, renewed (the same version had another content), present, "
            "refused (Redis has a newer one, or a revoked one), removed.",
            ["outcome"],
            registry=registry,
        )
        self.errors = Counter(
            "extauth_publisher_errors",
            "Rounds that failed: redis or registry was away, or their histories have diverged.",
            ["kind"],
            registry=registry,
        )
        self.restarts = Counter(
            "extauth_publisher_restarts",
            "Times that all keys were published anew: Redis was empty, the registry has a new epoch, some records were "
            "lost, a removal was cut_short by a crash, or Redis was rolled_back.",
            ["cause"],
            registry=registry,
        )
        self.last_reconcile = Gauge(
            "extauth_publisher_last_reconcile_timestamp_seconds",
            "When this replica last ended a full comparison of registry and Redis, in Unix time.",
            registry=registry,
        )
        self.reconcile_seconds = Histogram(
            "extauth_publisher_reconcile_seconds",
            "Time of one full comparison of registry and Redis.",
            buckets=(0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000),
            registry=registry,
        )
