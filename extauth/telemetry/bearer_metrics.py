"""What is counted of bearer tokens. Labels: issuer names from the settings, outcomes and kinds from closed sets."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)


class BearerMetrics:
    """All series of one sidecar's bearer tokens, in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.verifications = Counter(
            "extauth_bearer_verifications",
            "Bearer tokens judged, by issuer (none: no issuer known here) and outcome.",
            ["issuer", "outcome"],
            registry=registry,
        )
        self.cache_hits = Counter(
            "extauth_bearer_cache_hits",
            "Bearer tokens judged from memory, without a signature check or a question.",
            ["issuer"],
            registry=registry,
        )
        self.key_set_age = Gauge(
            "extauth_bearer_key_set_age_seconds",
            "Time since the issuer's keys were last read; +Inf before the first time.",
            ["issuer"],
            registry=registry,
        )
        self.key_set_failures = Counter(
            "extauth_bearer_key_set_failures",
            "Attempts to read an issuer's keys that failed, by kind.",
            ["issuer", "kind"],
            registry=registry,
        )
        self.introspection_seconds = Histogram(
            "extauth_bearer_introspection_seconds",
            "Time of one question to the authorization server.",
            ["issuer"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.introspection_failures = Counter(
            "extauth_bearer_introspection_failures",
            "Tokens that could not be asked about, by kind.",
            ["issuer", "kind"],
            registry=registry,
        )
