"""What the publisher counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class PublisherMetrics:
    """All series of one publisher, in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.revision = Gauge(
            "extauth_publisher_revision", "Last registry revision that is in Redis.", registry=registry
        )
        self.behind = Gauge(
            "extauth_publisher_revisions_behind", "Registry revisions that are not in Redis yet.", registry=registry
        )
        self.records = Counter(
            "extauth_publisher_records",
            "Key records by what became of them: written, present, refused (Redis has a newer one), removed.",
            ["outcome"],
            registry=registry,
        )
        self.errors = Counter(
            "extauth_publisher_errors", "Rounds that failed, by what was away.", ["kind"], registry=registry
        )
        self.reconcile_seconds = Histogram(
            "extauth_publisher_reconcile_seconds",
            "Time of one full comparison of registry and Redis.",
            buckets=(0.03, 0.1, 0.3, 1, 3, 10, 30, 100),
            registry=registry,
        )
