"""From a real registry (SQLite) through the publisher into real Redis."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from extauth.keys.mark import mark
from extauth.keys.record import KeyRecord, Status
from extauth.publish.publisher import Publisher
from extauth.registry.database import Database
from extauth.registry.errors import UnavailableError
from extauth.registry.history import History
from extauth.registry.key import IssuedKey, NewKey
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.operations import KeyRegistry
from extauth.registry.token_operations import TokenRegistry
from extauth.registry.token_revocation import Tokens
from extauth.store.names import Names
from extauth.store.publication import PublicationStore
from extauth.telemetry.publisher_metrics import PublisherMetrics
from tests.support.keys import PEPPER, issue
from tests.support.redis_server import RedisServer
from tests.support.wait import wait_until


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'registry.db'}")
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def registry(database: Database) -> KeyRegistry:
    return KeyRegistry(database, "test", [PEPPER], RegistryMetrics(CollectorRegistry()))


def publisher_of(
    database: Database, store: PublicationStore, metrics: PublisherMetrics, reconcile: float = 3600
) -> Publisher:
    return Publisher(
        History(database),
        store,
        metrics,
        source_error=UnavailableError,
        poll_interval=0.02,
        reconcile_interval=reconcile,
    )


@pytest.fixture
def publisher(database: Database, store: PublicationStore, publisher_metrics: PublisherMetrics) -> Publisher:
    return publisher_of(database, store, publisher_metrics)


def create(registry: KeyRegistry, name: str = "a key") -> IssuedKey:
    return registry.create(NewKey(name=name, tenant="acme", created_by="test", scopes=("read",)), "test")


def in_redis(store: PublicationStore) -> dict[str, KeyRecord]:
    return {record.key_id: record for page in store.stored() for record in page}


def feed(redis_server: RedisServer, names: Names) -> list[int]:
    with redis_server.client() as client:
        return [int(entry[b"revision"]) for _, entry in client.xrange(names.changes)]


def test_everything_is_published_from_empty(
    registry: KeyRegistry, publisher: Publisher, store: PublicationStore
) -> None:
    issued = [create(registry, f"key {number}") for number in range(7)]
    publisher.publish_once()
    state = store.state()
    assert state is not None
    assert (state.complete, state.revision) == (True, 7)
    found = in_redis(store)
    assert found.keys() == {one.key.id for one in issued}
    assert found[issued[0].key.id].digest == PEPPER.digest(issued[0].secret)
    assert found[issued[0].key.id].scopes == ("read",)


def test_an_empty_registry_is_published_too(publisher: Publisher, store: PublicationStore) -> None:
    publisher.publish_once()
    state = store.state()
    assert state is not None
    assert state.complete


def test_each_change_reaches_redis_and_the_feed_in_order(
    registry: KeyRegistry, publisher: Publisher, store: PublicationStore, redis_server: RedisServer, names: Names
) -> None:
    publisher.publish_once()
    first, second = create(registry), create(registry)
    publisher.publish_once()
    registry.revoke(first.key.id, "lost", "test")
    publisher.publish_once()
    assert feed(redis_server, names) == [1, 2, 3]
    assert in_redis(store)[first.key.id].status is Status.REVOKED
    assert in_redis(store)[second.key.id].status is Status.ACTIVE


def test_revocations_of_tokens_are_published_and_reconciled_with_the_keys(
    registry: KeyRegistry,
    database: Database,
    publisher: Publisher,
    store: PublicationStore,
    redis_server: RedisServer,
    names: Names,
) -> None:
    tokens = TokenRegistry(database, [PEPPER], RegistryMetrics(CollectorRegistry()))
    issued = create(registry)
    before = tokens.revoke_tokens(Tokens("issuer", "jti", "1"), "", None, "test").revocation
    publisher.publish_once()
    revoked = tokens.revoke_tokens(Tokens("issuer", "sub", "ada"), "", None, "test").revocation
    publisher.publish_once()
    assert feed(redis_server, names) == [3]
    digest = PEPPER.digest(mark("issuer", "sub", "ada"))
    with redis_server.client() as client:
        client.delete(names.record("p1", digest))
    publisher._reconcile_interval = 0
    publisher.publish_once()
    assert in_redis(store).keys() == {issued.key.id, before.id, revoked.id}
    assert in_redis(store)[revoked.id].status is Status.REVOKED
    tokens.lift(revoked.id, "test")
    publisher.publish_once()
    assert in_redis(store)[revoked.id].status is Status.ACTIVE
    assert in_redis(store)[revoked.id].digest == digest


def test_a_new_publisher_resumes_where_the_last_one_stopped(
    registry: KeyRegistry,
    database: Database,
    publisher: Publisher,
    store: PublicationStore,
    redis_server: RedisServer,
    names: Names,
) -> None:
    create(registry)
    publisher.publish_once()
    before = store.state()
    create(registry)
    publisher_of(database, store, PublisherMetrics(CollectorRegistry())).publish_once()
    after = store.state()
    assert before is not None
    assert after is not None
    assert after.instance == before.instance
    assert feed(redis_server, names) == [2]


def test_publishing_again_changes_nothing(
    registry: KeyRegistry, publisher: Publisher, store: PublicationStore, redis_server: RedisServer, names: Names
) -> None:
    create(registry)
    publisher.publish_once()
    before = in_redis(store)
    publisher.publish_once()
    publisher.publish_once()
    assert in_redis(store) == before
    assert feed(redis_server, names) == []


def test_an_announcement_that_a_crash_prevented_is_made_up_for(
    registry: KeyRegistry,
    database: Database,
    publisher: Publisher,
    store: PublicationStore,
    redis_server: RedisServer,
    names: Names,
) -> None:
    publisher.publish_once()
    create(registry)
    # The crash: the record has been written, the feed does not tell of it.
    store.put([change.record for change in History(database).changes_after(0, 10)])
    publisher_of(database, store, PublisherMetrics(CollectorRegistry())).publish_once()
    assert feed(redis_server, names) == [1]


def test_a_redis_that_lost_everything_gets_everything_back(
    registry: KeyRegistry, publisher: Publisher, store: PublicationStore, redis_server: RedisServer
) -> None:
    create(registry)
    revoked = create(registry)
    registry.revoke(revoked.key.id, "lost", "test")
    publisher.publish_once()
    before = in_redis(store)
    with redis_server.client() as client:
        client.flushall()
    publisher._beat_at = 0  # the next beat finds the state gone
    publisher.publish_once()
    publisher.publish_once()
    assert in_redis(store) == before
    state = store.state()
    assert state is not None
    assert state.complete


def test_reconciling_puts_back_single_records_and_tells_of_them(
    registry: KeyRegistry,
    database: Database,
    store: PublicationStore,
    redis_server: RedisServer,
    names: Names,
) -> None:
    publisher = publisher_of(database, store, PublisherMetrics(CollectorRegistry()), reconcile=0)
    issued = create(registry)
    publisher.publish_once()
    with redis_server.client() as client:
        client.delete(names.record("p1", PEPPER.digest(issued.secret)))
    publisher.publish_once()
    assert issued.key.id in in_redis(store)
    assert feed(redis_server, names) == [1]


def test_reconciling_removes_what_the_registry_does_not_have(
    registry: KeyRegistry,
    database: Database,
    store: PublicationStore,
    redis_server: RedisServer,
    names: Names,
) -> None:
    publisher = publisher_of(database, store, PublisherMetrics(CollectorRegistry()), reconcile=0)
    issued = create(registry)
    publisher.publish_once()
    _, stranger = issue(revision=1)
    _, from_the_future = issue(revision=1000)
    store.put([stranger, from_the_future])
    publisher.publish_once()
    assert in_redis(store).keys() == {issued.key.id, from_the_future.key_id}
    assert feed(redis_server, names) == [1]


def test_a_record_that_redis_has_in_a_newer_state_is_left_and_reported(
    registry: KeyRegistry, publisher: Publisher, store: PublicationStore, publisher_metrics: PublisherMetrics
) -> None:
    issued = create(registry)
    publisher.publish_once()
    newer = in_redis(store)[issued.key.id].to_message()
    newer.revision = 50
    store.put([KeyRecord.from_message(newer)])
    registry.disable(issued.key.id, "test")
    publisher.publish_once()
    assert in_redis(store)[issued.key.id].version.revision == 50
    assert publisher_metrics.records.labels("refused")._value.get() == 1


def test_the_thread_publishes_by_itself_within_a_second_and_outlives_a_dead_redis(
    registry: KeyRegistry, publisher: Publisher, store: PublicationStore, redis_server: RedisServer
) -> None:
    publisher.start()
    first = create(registry)
    wait_until(lambda: first.key.id in in_redis(store), seconds=5)
    started = time.monotonic()
    registry.revoke(first.key.id, "lost", "test")
    wait_until(lambda: in_redis(store)[first.key.id].status is Status.REVOKED, seconds=1)
    assert time.monotonic() - started < 1
    redis_server.kill()
    second = create(registry)
    wait_until(lambda: not publisher.is_up_to_date, seconds=5)
    redis_server.start()
    wait_until(lambda: publisher.is_up_to_date and in_redis(store).keys() == {first.key.id, second.key.id})
    publisher.stop(timeout=5)


def test_a_database_that_is_gone_is_waited_for(
    registry: KeyRegistry,
    publisher: Publisher,
    store: PublicationStore,
    tmp_path: Path,
    publisher_metrics: PublisherMetrics,
) -> None:
    create(registry)
    rename_table(tmp_path / "registry.db", "keys", "keys_away")
    publisher.start()
    wait_until(lambda: publisher_metrics.errors.labels("registry")._value.get() >= 1)
    assert not publisher.is_up_to_date
    rename_table(tmp_path / "registry.db", "keys_away", "keys")
    wait_until(lambda: len(in_redis(store)) == 1)
    publisher.stop(timeout=5)


def rename_table(path: Path, name: str, new_name: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"ALTER TABLE {name} RENAME TO {new_name}")
