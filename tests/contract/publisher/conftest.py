"""A registry on SQLite, and publishers of it into real Redis."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from extauth.registry.database import Database
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.operations import KeyRegistry
from extauth.registry.token_operations import TokenRegistry
from extauth.settings.redis import RedisSettings
from extauth.store.names import Names
from tests.support.keys import PEPPER
from tests.support.publisher_replica import Make, Replica


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
