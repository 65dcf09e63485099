"""Servers of key sets and of introspection, and verifiers that read from them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from extauth.bearer.jwks import KeyRing
from extauth.bearer.settings import IssuerSettings
from extauth.bearer.verify import TokenVerifier
from extauth.telemetry.bearer_metrics import BearerMetrics
from tests.bearer.asker import Asker, MakeAsker, answer
from tests.bearer.http_server import HttpServer, Reply, make_certificate
from tests.bearer.tokens import AUDIENCE, ISSUER, jwks, key_for


class Clock:
    """Monotonic seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Room:
    """A verifier with its keys, read when `read` is called and not by a thread."""

    def __init__(self, *issuers: IssuerSettings) -> None:
        self.clock = Clock()
        self.registry = CollectorRegistry()
        metrics = BearerMetrics(self.registry)
        self.ring = KeyRing(issuers, metrics, self.clock)
        self.verifier = TokenVerifier(issuers, self.ring, metrics)
        self.verify = self.verifier.verify

    def read(self, later: float = 0) -> float:
        """Let time pass, then read what is due; the seconds until more will be."""
        self.clock.now += later
        return self.ring.read_due()

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


MakeRoom = Callable[..., Room]


def issuer(**fields: Any) -> IssuerSettings:
    return IssuerSettings.model_validate({"name": "main", "issuer": ISSUER, "audiences": [AUDIENCE], **fields})


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    """Public keys for ES256 and RS256."""
    path = tmp_path / "keys.json"
    path.write_bytes(jwks(key_for("ES256"), key_for("RS256", "k2")))
    return path


@pytest.fixture
def room(keys_file: Path) -> MakeRoom:
    """Makes a room whose one issuer has its keys on disk; arguments change its settings."""

    def make(**fields: Any) -> Room:
        made = Room(issuer(**{"keys_file": str(keys_file), **fields}))
        if "secret" not in fields:
            made.read()
        return made

    return make


@pytest.fixture
def server() -> Iterator[HttpServer]:
    """Serves the key for ES256."""
    running = HttpServer()
    running.reply = Reply(jwks(key_for("ES256")))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[HttpServer]:
    running = HttpServer(certificate)
    running.reply = Reply(jwks(key_for("ES256")))
    yield running
    running.stop()


@pytest.fixture
def asker(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeAsker]:
    monkeypatch.setenv("SECRET", "s3cret+/: ü")
    server.reply = answer()
    made: list[Asker] = []

    def make(**fields: Any) -> Asker:
        one = Asker(fields.pop("url", server.url("/introspect")), **fields)
        one.introspector.start()
        made.append(one)
        return one

    yield make
    for one in made:
        one.introspector.stop(timeout=5)
        assert not any(thread.is_alive() for thread in one.introspector._threads)
