"""What the registry counts."""

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge


class RegistryMetrics:
    """All series of one key registry, in one Prometheus registry, which /metrics shows."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.registry = registry
        self.changes = Counter(
            "extauth_registry_changes",
            "Changes of keys and of revoked tokens that were committed.",
            ["action"],
            registry=registry,
        )
        self.watchers = Gauge("extauth_registry_watchers", "WatchKeys calls that are open.", registry=registry)
