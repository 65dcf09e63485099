"""`extauth registry new-epoch`: the whole way from a backup that was restored to a Redis that is right again."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from prometheus_client import CollectorRegistry

from extauth.cli.main import main
from extauth.keys.record import KeyRecord, Status
from extauth.publish.errors import DivergedError
from extauth.publish.publisher import Publisher
from extauth.registry.database import Database
from extauth.registry.errors import UnavailableError
from extauth.registry.history import History
from extauth.registry.key import IssuedKey, KeyUpdate, NewKey
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.operations import KeyRegistry
from extauth.registry.token_operations import TokenRegistry
from extauth.registry.token_revocation import Tokens
from extauth.store.client import connect
from extauth.store.names import Names
from extauth.store.publishing import PublishingStores
from extauth.telemetry.publisher_metrics import PublisherMetrics
from tests.support.keys import PEPPER
from tests.support.publishing import stored
from tests.support.redis_server import PACKAGES, RedisServer


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(next(iter(PACKAGES)), tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def config(tmp_path: Path, redis_server: RedisServer) -> Path:
    (tmp_path / "token").write_text("the-admin-token-of-the-tests")
    (tmp_path / "pepper").write_text("a pepper for tests, 32 bytes long")
    settings = {
        "database": f"sqlite:///{tmp_path}/registry.db",
        "admin_token": {"file": str(tmp_path / "token")},
        "keys": {"peppers": [{"id": PEPPER.id, "file": str(tmp_path / "pepper")}]},
        "redis": {"url": redis_server.url, "namespace": "test"},
    }
    path = tmp_path / "registry.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


class Registry:
    """On SQLite, with its publisher."""

    def __init__(self, folder: Path, redis_server: RedisServer) -> None:
        self._path = folder / "registry.db"
        metrics = RegistryMetrics(CollectorRegistry())
        self._database = Database(f"sqlite:///{self._path}")
        self._database.migrate()
        self.keys = KeyRegistry(self._database, "test", [PEPPER], metrics)
        self.tokens = TokenRegistry(self._database, [PEPPER], metrics)
        client = connect(redis_server.settings(timeout="2s"))
        self.stores = PublishingStores.on(client, Names("test"), "a test", 60)
        self._publisher = Publisher(
            History(self._database),
            self.stores,
            PublisherMetrics(CollectorRegistry()),
            source_error=UnavailableError,
            poll_interval=0.02,
            reconcile_interval=3600,
            reconcile_rate=1_000_000,
        )

    def create(self) -> IssuedKey:
        return self.keys.create(NewKey(name="a key", tenant="acme", created_by="test"), "test")

    def publish(self) -> None:
        self._publisher.publish_once()

    def published(self) -> dict[str, KeyRecord]:
        return {record.key_id: record for record in stored(self.stores)}

    def back_up(self) -> None:
        copy(self._path, self._path.with_suffix(".backup"))

    def restore(self) -> None:
        self._database.close()
        copy(self._path.with_suffix(".backup"), self._path)

    def close(self) -> None:
        self._database.close()
        self.stores.leadership.close()


@pytest.fixture
def registry(tmp_path: Path, redis_server: RedisServer) -> Iterator[Registry]:
    registry = Registry(tmp_path, redis_server)
    yield registry
    registry.close()


def copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as from_one, closing(sqlite3.connect(target)) as to_other:
        from_one.backup(to_other)


def run(config: Path, *arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(main, ["registry", "new-epoch", "-c", str(config), *arguments], input=answer)


def test_nothing_that_was_revoked_since_the_backup_comes_back(registry: Registry, config: Path) -> None:
    kept, revoked, disabled, renamed = (registry.create().key for _ in range(4))
    registry.publish()
    registry.back_up()
    registry.keys.revoke(revoked.id, "stolen", "test")
    registry.keys.disable(disabled.id, "test")
    registry.keys.update(renamed.id, KeyUpdate(name="another"), "test")
    made = registry.create().key
    tokens = registry.tokens.revoke_tokens(Tokens("issuer", "jti", "1"), "", None, "test").revocation
    registry.publish()

    registry.restore()
    late = registry.create().key  # before anybody noticed
    with pytest.raises(DivergedError):
        registry.publish()
    result = run(config, answer="y\n")
    assert result.exit_code == 0, result.output
    for key_id in (revoked.id, disabled.id, renamed.id, made.id, tokens.id):
        assert key_id in result.output
    assert "epoch 2 has begun" in result.output
    registry.publish()

    found = registry.published()
    assert {key_id: record.status for key_id, record in found.items()} == {
        kept.id: Status.ACTIVE,
        revoked.id: Status.REVOKED,
        disabled.id: Status.DISABLED,
        renamed.id: Status.ACTIVE,
        tokens.id: Status.REVOKED,  # though the registry does not know of it
        late.id: Status.ACTIVE,
    }
    assert found[renamed.id].name == "a key"
    assert {record.version.epoch for key_id, record in found.items() if key_id != tokens.id} == {2}
    registry.keys.enable(disabled.id, "test")
    registry.publish()
    assert registry.published()[disabled.id].status is Status.ACTIVE


def test_without_a_yes_nothing_happens(registry: Registry, config: Path) -> None:
    issued = registry.create().key
    registry.publish()
    registry.back_up()
    registry.keys.revoke(issued.id, "", "test")
    registry.publish()
    registry.restore()
    result = run(config, answer="n\n")
    assert result.exit_code == 1
    assert issued.id in result.output
    assert registry.keys.show(issued.id).status is Status.ACTIVE
    with pytest.raises(DivergedError):
        registry.publish()
    assert run(config, "--yes").exit_code == 0
    registry.publish()
    assert registry.published()[issued.id].status is Status.REVOKED


def test_a_redis_that_is_away_is_told_and_nothing_happens(
    registry: Registry, config: Path, redis_server: RedisServer
) -> None:
    registry.create()
    redis_server.kill()
    result = run(config, "--yes")
    redis_server.start()
    assert result.exit_code == 1
    assert "Redis: connection" in result.output
    result = run(config, "--yes")
    assert "no publication" in result.output
    assert "epoch 2 has begun" in result.output


def test_no_secret_is_printed(registry: Registry, config: Path) -> None:
    registry.create()
    registry.back_up()
    issued = registry.create()
    registry.publish()
    registry.restore()
    result = run(config, "--yes")
    assert issued.key.id in result.output
    assert issued.secret not in result.output
    assert PEPPER.digest(issued.secret).hex() not in result.output
