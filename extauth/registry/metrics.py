"""What the registry counts."""

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge


class RegistryMetrics:
    """All series of one key registry, in one Prometheus registry, which /metrics shows."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.registry = registry
        self.changes = Counter(
            "extauth_registry_changes",
            "Changes of keys, revoked tokens, tenants and plans that were committed; each key told of one counts too.",
            ["action"],
            registry=registry,
        )
        self.propagating = Gauge(
            "extauth_registry_propagating",
            "Tenants and plans that have changed, and of whose keys some have yet to be published again.",
            registry=registry,
        )
        self.refusals = Counter(
            "extauth_registry_refusals",
            "Requests that were refused for their token.",
            ["reason"],
            registry=registry,
        )
        self.leaks = Counter(
            "extauth_registry_leaks",
            "Tokens that others found in the open, by what became of them: revoked, known (was revoked before), "
            "unknown (no key of ours).",
            ["outcome"],
            registry=registry,
        )
        self.findings = Gauge(
            "extauth_registry_key_findings",
            "Keys that need attention, by finding: expiring, used_after_rotation, unused (see health in the settings). "
            "The same in every registry of a database.",
            ["finding"],
            registry=registry,
        )
        self.upkeep_failures = Counter(
            "extauth_registry_upkeep_failures",
            "Jobs of every minute that failed, by job: fold, recent_usage, key_health.",
            ["job"],
            registry=registry,
        )
        self.watchers = Gauge("extauth_registry_watchers", "WatchKeys calls that are open.", registry=registry)
