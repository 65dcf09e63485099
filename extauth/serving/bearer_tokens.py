"""The parts of a sidecar that judge bearer tokens; none of them exists when no issuer is configured."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry

from extauth.bearer.introspection import Introspector
from extauth.bearer.jwks import KeyRing
from extauth.bearer.settings import BearerSettings
from extauth.bearer.verify import TokenVerifier
from extauth.check.tokens import Tokens
from extauth.keys.digest import Pepper
from extauth.serving.components import Component
from extauth.telemetry.bearer_metrics import BearerMetrics


class MissingExtraError(Exception):
    """Something is configured whose library is not installed; the text names the remedy."""


class BearerTokens:
    """`start`, then `stop`. Raises SecretError and MissingExtraError."""

    def __init__(self, settings: BearerSettings, peppers: Sequence[Pepper], registry: CollectorRegistry) -> None:
        metrics = BearerMetrics(registry)
        self._has_issuers = bool(settings.issuers)
        try:
            self._ring = KeyRing(settings.issuers, metrics)
        except ModuleNotFoundError as error:
            raise MissingExtraError(f"bearer.issuers needs {error.name}: pip install 'extauth[bearer]'") from None
        self._introspectors = {server.name: Introspector(server, metrics) for server in settings.introspection}
        verifier = TokenVerifier(settings.issuers, self._ring, metrics) if settings.issuers else None
        issuers = {
            **{issuer.name: issuer.issuer for issuer in settings.issuers},
            **{server.name: server.issuer or server.name for server in settings.introspection},
        }
        self.tokens = Tokens(verifier, self._introspectors, issuers, peppers)

    def start(self) -> None:
        self._ring.start()
        for introspector in self._introspectors.values():
            introspector.start()

    def stop(self, timeout: float) -> None:
        for introspector in self._introspectors.values():
            introspector.stop(timeout)
        self._ring.stop(timeout)

    def components(self) -> list[Component]:
        """The issuers' keys and servers. None is vital: an issuer's outage must not stop the callers of others."""
        keys = Component("issuer_keys", self._ring.fault, vital=False)
        introspection = Component("introspection", self._introspection_fault, vital=False)
        return [*([keys] if self._has_issuers else []), *([introspection] if self._introspectors else [])]

    def _introspection_fault(self) -> str | None:
        faults = [f"{server.name}: {server.error}" for server in self._introspectors.values() if server.error]
        return "; ".join(faults) or None
