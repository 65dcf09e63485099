"""The certificates of a process's listeners: all that TLS is configured for, and no others."""

from prometheus_client import CollectorRegistry

from extauth.policy.settings import SidecarSettings
from extauth.telemetry.tls_metrics import TlsMetrics
from extauth.tls.certificate import ServerCertificate

_PATIENCE = 1.0  # seconds


class Certificates:
    """Made of good files (else TlsError); `start`, then `stop`. `listeners` are those that the process has itself."""

    def __init__(self, settings: SidecarSettings, registry: CollectorRegistry, *listeners: str) -> None:
        configured = {
            "grpc": settings.listen.tls,
            "admin": settings.listen.admin_tls,
            "http": settings.http.tls if settings.http.listen else None,
        }
        wanted = {name: configured[name] for name in listeners}
        # No series of what is not there.
        metrics = TlsMetrics(registry) if any(wanted.values()) else TlsMetrics(CollectorRegistry())
        self._made = {name: ServerCertificate(name, tls, metrics) for name, tls in wanted.items() if tls is not None}

    def of(self, listener: str) -> ServerCertificate | None:
        return self._made.get(listener)

    def start(self) -> None:
        for certificate in self._made.values():
            certificate.start()

    def stop(self) -> None:
        for certificate in self._made.values():
            certificate.stop(_PATIENCE)
