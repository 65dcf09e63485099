"""A registry on each kind of database, a real Redis, and replicas that may be killed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from extauth.registry.database import Database
from extauth.settings.redis import RedisSettings
from extauth.store.names import Names
from tests.faults.nursery import NAMESPACE
from tests.faults.replicas import Replicas
from tests.support.postgresql_server import PostgresqlServer
from tests.support.redis_server import PACKAGES, RedisServer


@pytest.fixture(scope="module")
def postgresql_server() -> Iterator[PostgresqlServer]:
    server = PostgresqlServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/registry.db"
        return
    server: PostgresqlServer = request.getfixturevalue("postgresql_server")
    server.execute("CREATE DATABASE registry")
    yield server.url("registry")
    server.execute("DROP DATABASE registry WITH (FORCE)")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(next(iter(PACKAGES)), tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def client(redis_server: RedisServer) -> Iterator[redis.Redis]:
    with redis_server.client() as client:
        yield client


@pytest.fixture
def redis_settings(redis_server: RedisServer) -> RedisSettings:
    return redis_server.settings(namespace=NAMESPACE, timeout="2s")


@pytest.fixture
def names() -> Names:
    return Names(NAMESPACE)


@pytest.fixture
def replicas_with(
    database_url: str, database: Database, redis_server: RedisServer, client: redis.Redis, tmp_path: Path
) -> Iterator[Callable[..., Replicas]]:
    made: list[Replicas] = []

    def make(lease: float, delay: float = 0) -> Replicas:
        made.append(Replicas(database_url, redis_server.url, client, tmp_path / "replicas.log", lease, delay))
        return made[-1]

    yield make
    for replicas in made:
        replicas.close()
