"""What is told of the certificates of listeners."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class TlsMetrics:
    """Series of all listeners of a process that speak TLS, in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.reloads = Counter(
            "extauth_tls_reloads",
            "Changed certificates by listener: applied, or refused for their faults while the old one went on.",
            ["listener", "outcome"],
            registry=registry,
        )
        self.expires = Gauge(
            "extauth_tls_certificate_expiry_timestamp_seconds",
            "When the certificate in use ends, in Unix time, by listener.",
            ["listener"],
            registry=registry,
        )
