"""What is counted of usage on its way to the ledger. Nothing here tells one key from another."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class UsageMetrics:
    """All series of one sidecar's usage buffer, in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.lost = Counter(
            "extauth_usage_lost_checks",
            "Checks that the ledger will not know of: too_many_keys in one interval, redis_away for too long, "
            "unfit_name (too long or not printable).",
            ["cause"],
            registry=registry,
        )
        self.waiting = Gauge(
            "extauth_usage_batches_waiting", "Batches of usage that Redis has not taken yet.", registry=registry
        )
        self.errors = Counter(
            "extauth_usage_errors",
            "Attempts to send a batch of usage that failed, by kind.",
            ["kind"],
            registry=registry,
        )


class CollectorMetrics:
    """All series of one registry's usage collector, in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.batches = Counter(
            "extauth_collector_batches",
            "Batches of usage by what became of them: added to the ledger, duplicate, unreadable, "
            "missing (a later one of the same sidecar came, this one did not).",
            ["outcome"],
            registry=registry,
        )
        self.waiting = Gauge("extauth_collector_batches_waiting", "Batches of usage in Redis.", registry=registry)
        self.lag = Gauge(
            "extauth_collector_lag_seconds",
            "Age of the oldest batch of usage that is not in the ledger yet; 0 when all are.",
            registry=registry,
        )
        self.errors = Counter(
            "extauth_collector_errors", "Rounds that failed, by what was away.", ["kind"], registry=registry
        )
