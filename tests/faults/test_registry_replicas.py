"""Three real `extauth registry serve` on one PostgreSQL and one Redis: one publishes, another takes its place."""

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest
import redis

from extauth.store.key_reader import decode
from tests.e2e.samples import scrape
from tests.faults.registry_process import NAMES, Registry
from tests.support.postgresql_server import PostgresqlServer
from tests.support.redis_server import PACKAGES, RedisServer
from tests.support.wait import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(next(iter(PACKAGES)), tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def database_url(postgresql_server: PostgresqlServer) -> Iterator[str]:
    postgresql_server.execute("CREATE DATABASE replicas")
    yield postgresql_server.url("replicas")
    postgresql_server.execute("DROP DATABASE replicas WITH (FORCE)")


@pytest.fixture(scope="module")
def registries(
    database_url: str, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Registry]]:
    folder = tmp_path_factory.mktemp("registries")
    made = [Registry(folder / str(number), database_url, redis_server.url) for number in range(3)]
    try:
        for registry in made:
            registry.start()
        for registry in made:
            wait_until(registry.is_ready, seconds=150)
        yield made
    finally:
        for registry in made:
            registry.end(signal.SIGKILL)


def published(client: redis.Redis) -> set[str]:
    """Ids of the keys in Redis."""
    records = [decode(client.get(name)) for name in client.scan_iter(NAMES.record_pattern)]
    return {record.key_id for record in records if record is not None}


def take_over(registries: list[Registry], client: redis.Redis, number: int) -> float:
    """End the one that leads by a signal; seconds until a change made after that is in Redis."""
    (leader,) = [registry for registry in registries if registry.is_leading]
    others = [registry for registry in registries if registry is not leader]
    os.kill(leader.process.pid, number)
    started = time.monotonic()
    key_id = others[0].create()
    wait_until(lambda: key_id in published(client), seconds=30)
    seconds = time.monotonic() - started
    wait_until(lambda: [registry.is_leading for registry in others].count(True) == 1)
    if number == signal.SIGSTOP:
        os.kill(leader.process.pid, signal.SIGCONT)
        wait_until(lambda: not leader.is_leading)
        leader.create()
    else:
        leader.process.wait(30)
        leader.start()
        wait_until(leader.is_ready, seconds=150)
    return seconds


def test_another_one_takes_over(
    registries: list[Registry], client: redis.Redis, record_testsuite_property: Callable[[str, object], None]
) -> None:
    for registry in registries:
        key_id = registry.create()
        wait_until(lambda wanted=key_id: wanted in published(client))
    assert [registry.is_leading for registry in registries].count(True) == 1
    assert all(registry.ready() == {"status": "ready", "publisher": "ok"} for registry in registries)
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP):
        seconds = take_over(registries, client, number)
        record_testsuite_property(f"seconds after {number.name}", round(seconds, 2))
    assert [registry.is_leading for registry in registries].count(True) == 1
    assert sum(registry.process.poll() is None for registry in registries) == 3
    keys = registries[0].client.call("GET", "/v1/keys", query={"limit": 500})["items"]
    wait_until(lambda: published(client) == {key["id"] for key in keys})


def test_all_of_them_count_how_far_behind_the_publication_is(
    registries: list[Registry], redis_server: RedisServer
) -> None:
    registries[0].create()
    head = max(key["revision"] for key in registries[0].client.call("GET", "/v1/keys", query={"limit": 500})["items"])
    for registry in registries:
        wait_until(lambda one=registry: scrape(f"{one.url}/metrics")("extauth_publisher_revision") == head)
    redis_server.kill()
    registries[0].create()
    for registry in registries:
        wait_until(lambda one=registry: scrape(f"{one.url}/metrics")("extauth_publisher_lag_seconds") > 0.5)
        assert scrape(f"{registry.url}/metrics")("extauth_publisher_revisions_behind") == 1
        assert "Redis" in registry.ready()["publisher"]
    redis_server.start()
    for registry in registries:
        wait_until(lambda one=registry: scrape(f"{one.url}/metrics")("extauth_publisher_lag_seconds") == 0)
