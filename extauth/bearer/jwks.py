"""The keys of all issuers, read ahead by one thread, so that no token ever waits for an issuer."""

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from extauth.bearer.errors import ERROR_KINDS, IssuerUnavailableError
from extauth.bearer.http_client import MAX_BYTES, HttpClient
from extauth.bearer.key_set import KeySet
from extauth.bearer.key_source import KeySource, Origin
from extauth.bearer.settings import IssuerSettings, JwksSettings
from extauth.settings.values import SecretError
from extauth.telemetry.bearer_metrics import BearerMetrics

_FILE_PACE = 10.0  # seconds between looks at a file of keys
_ACCEPT = {"Accept": "application/jwk-set+json, application/json"}


class KeyRing:
    """Start it once. Raises SecretError, and ModuleNotFoundError without the extra `bearer` if there are issuers."""

    def __init__(
        self,
        issuers: Sequence[IssuerSettings],
        metrics: BearerMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._wake = threading.Event()
        self._stopping = False
        self._fixed: dict[str, KeySet] = {}
        self._sources: dict[str, KeySource] = {}
        for issuer in issuers:
            self._add(issuer, metrics)
        self._thread = threading.Thread(target=self._run, name="issuer-keys", daemon=True)

    def start(self) -> None:
        if self._sources:
            self._thread.start()

    def stop(self, timeout: float) -> None:
        """`timeout` in seconds: a fetch under way is not cut short."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def keys_of(self, issuer_name: str) -> KeySet | None:
        """The keys to verify with now; None while none were ever read."""
        return self._fixed.get(issuer_name) or self._sources[issuer_name].keys

    def source_of(self, issuer_name: str) -> KeySource | None:
        """Where the keys are read from; None for a shared secret."""
        return self._sources.get(issuer_name)

    def without_keys(self) -> str | None:
        """Which issuers' keys were never read, in a few words: their tokens cannot be judged. None when all were."""
        names = [source.name for source in self._sources.values() if source.keys is None]
        return f"no keys yet of {', '.join(names)}" if names else None

    def fault(self) -> str | None:
        """What is wrong with keys now, though older ones may serve; None while all is well."""
        faults = [f"{source.name}: {source.error}" for source in self._sources.values() if source.error]
        return "; ".join(faults) or self.without_keys()

    def read_due(self) -> float:
        """Read all keys that are due; return the seconds until more will be."""
        for source in self._sources.values():
            if source.due <= self._clock() and not self._stopping:
                source.refresh()
        return min(source.due for source in self._sources.values()) - self._clock()

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait(max(self.read_due(), 0))
            self._wake.clear()

    def _add(self, issuer: IssuerSettings, metrics: BearerMetrics) -> None:
        # joserfc takes 150 ms to import, which sidecars for keys only do not pay.
        from extauth.bearer import jose  # noqa: PLC0415

        secret = issuer.read_secret()
        if secret is not None:
            try:
                self._fixed[issuer.name] = jose.shared_secret(secret)
            except ValueError as error:
                raise SecretError(f"the secret of issuer {issuer.name!r} cannot be used: {error}") from None
            return
        if issuer.jwks is not None:
            origin = Origin(partial(_fetch, issuer.jwks), jose.read_jwks, issuer.jwks.refresh)
        else:
            assert issuer.keys_file is not None
            origin = Origin(partial(_read_file, issuer.keys_file), jose.read_key_file, _FILE_PACE)
        source = KeySource(issuer.name, origin, metrics.key_set_failures, self._wake.set, self._clock)
        self._sources[issuer.name] = source
        metrics.key_set_age.labels(issuer.name).set_function(source.age)
        for kind in ERROR_KINDS:
            metrics.key_set_failures.labels(issuer.name, kind)


def _fetch(settings: JwksSettings) -> bytes:
    client = HttpClient(settings.url, settings.timeout, settings.ca_file)
    try:
        return client.exchange("GET", _ACCEPT)
    finally:
        client.close()


def _read_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            document = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise IssuerUnavailableError("file", f"{path}: {error.strerror}") from None
    if len(document) > MAX_BYTES:
        raise IssuerUnavailableError("too_large", f"{path} has more than {MAX_BYTES} bytes")
    return document
