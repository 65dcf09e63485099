"""A registry on SQLite, publishers of it into real Redis, and a collector of usage from there."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from extauth.publish.usage_collector import UsageCollector
from extauth.registry.database import Database
from extauth.registry.ledger import Ledger
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.operations import KeyRegistry
from extauth.registry.token_operations import TokenRegistry
from extauth.settings.redis import RedisSettings
from extauth.store.client import connect
from extauth.store.names import Names
from extauth.store.usage_batch import UsageBatch
from extauth.store.usage_reader import UsageReader
from extauth.telemetry.usage_metrics import CollectorMetrics
from tests.support.collecting import collector_of
from tests.support.keys import PEPPER
from tests.support.publisher_replica import Make, Replica
from tests.support.redis_server import RedisServer


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'registry.db'}")
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def registry(database: Database) -> KeyRegistry:
    return KeyRegistry(database, "test", [PEPPER], RegistryMetrics(CollectorRegistry()))


@pytest.fixture
def tokens(database: Database) -> TokenRegistry:
    return TokenRegistry(database, [PEPPER], RegistryMetrics(CollectorRegistry()))


@pytest.fixture
def make(database: Database, redis_settings: RedisSettings, names: Names) -> Iterator[Make]:
    made: list[Replica] = []

    def make(**changes: float) -> Replica:
        made.append(Replica(database, redis_settings, names, **changes))
        return made[-1]

    yield make
    for replica in made:
        replica.end()


@pytest.fixture
def replica(make: Make) -> Replica:
    return make()


@pytest.fixture
def collector_metrics() -> CollectorMetrics:
    return CollectorMetrics(CollectorRegistry())


@pytest.fixture
def reader(redis_settings: RedisSettings, names: Names) -> UsageReader:
    return UsageReader(connect(redis_settings), names)


@pytest.fixture
def collector(reader: UsageReader, database: Database, collector_metrics: CollectorMetrics) -> UsageCollector:
    return collector_of(reader, Ledger(database), collector_metrics)


@pytest.fixture
def send(redis_server: RedisServer, names: Names) -> Callable[..., None]:
    def send(*sent: UsageBatch, entry_id: str = "*") -> None:
        with redis_server.client() as client:
            for one in sent:
                client.xadd(names.usage, dict(one.to_fields()), id=entry_id)

    return send
