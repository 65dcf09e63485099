"""From a registry through the publisher into Redis and its feed."""

from pathlib import Path

import pytest

from extauth.keys.mark import mark
from extauth.keys.record import Status, Version
from extauth.publish import comparison, writer
from extauth.registry.operations import KeyRegistry
from extauth.registry.token_operations import TokenRegistry
from extauth.registry.token_revocation import Tokens
from extauth.store.names import Names
from tests.support.keys import PEPPER
from tests.support.publisher_replica import Replica, create, feed
from tests.support.redis_server import RedisServer
from tests.support.sqlite import rename_table
from tests.support.wait import wait_until


def test_everything_is_published_from_empty(registry: KeyRegistry, replica: Replica) -> None:
    issued = [create(registry, f"key {number}") for number in range(7)]
    replica.publish()
    assert (replica.state.complete, replica.state.version) == (True, Version(1, 7))
    found = replica.in_redis()
    assert found.keys() == {one.key.id for one in issued}
    assert found[issued[0].key.id].digest == PEPPER.digest(issued[0].secret)
    assert found[issued[0].key.id].scopes == ("read",)
    assert replica.restarts() == {"empty": 1}


def test_an_empty_registry_is_published_too(replica: Replica) -> None:
    replica.publish()
    assert replica.state.complete


def test_each_change_reaches_redis_and_the_feed_in_order(
    registry: KeyRegistry, replica: Replica, redis_server: RedisServer, names: Names
) -> None:
    replica.publish()
    first, second = create(registry), create(registry)
    replica.publish()
    registry.revoke(first.key.id, "lost", "test")
    replica.publish()
    assert feed(redis_server, names) == [1, 2, 3]
    assert replica.in_redis()[first.key.id].status is Status.REVOKED
    assert replica.in_redis()[second.key.id].status is Status.ACTIVE


def test_more_changes_than_a_batch_and_more_keys_than_a_chunk(
    registry: KeyRegistry,
    replica: Replica,
    redis_server: RedisServer,
    names: Names,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writer, "_BATCH", 3)
    monkeypatch.setattr(comparison, "CHUNK", 4)
    for _ in range(8):
        create(registry)
    replica.publish()
    for _ in range(9):
        create(registry)
    replica.publish()
    assert len(replica.in_redis()) == 17
    assert feed(redis_server, names) == list(range(9, 18))
    assert replica.state.compared == ""


def test_changes_go_first_while_everything_is_published(
    registry: KeyRegistry, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "CHUNK", 1)
    issued = [create(registry) for _ in range(20)]
    replica.publisher.step()
    replica.publisher.step()
    assert not replica.state.complete
    last = max(issued, key=lambda one: one.key.id)  # the comparison comes to it at the end
    registry.revoke(last.key.id, "lost", "test")
    replica.publisher.step()
    assert not replica.state.complete
    assert replica.in_redis()[last.key.id].status is Status.REVOKED


def test_revocations_of_tokens_are_published_and_compared_with_the_keys(
    registry: KeyRegistry, tokens: TokenRegistry, replica: Replica, redis_server: RedisServer, names: Names
) -> None:
    issued = create(registry)
    before = tokens.revoke_tokens(Tokens("issuer", "jti", "1"), "", None, "test").revocation
    replica.publish()
    revoked = tokens.revoke_tokens(Tokens("issuer", "sub", "ada"), "", None, "test").revocation
    replica.publish()
    assert feed(redis_server, names) == [3]
    digest = PEPPER.digest(mark("issuer", "sub", "ada"))
    with redis_server.client() as client:
        client.delete(names.record("p1", digest))
    replica.compare()
    assert replica.in_redis().keys() == {issued.key.id, before.id, revoked.id}
    assert replica.in_redis()[revoked.id].status is Status.REVOKED
    tokens.lift(revoked.id, "test")
    replica.publish()
    assert replica.in_redis()[revoked.id].status is Status.ACTIVE
    assert replica.in_redis()[revoked.id].digest == digest


def test_publishing_again_changes_nothing(
    registry: KeyRegistry, replica: Replica, redis_server: RedisServer, names: Names
) -> None:
    create(registry)
    replica.publish()
    before = replica.in_redis()
    replica.publish()
    replica.compare()
    assert replica.in_redis() == before
    assert feed(redis_server, names) == []
    assert (replica.count("written"), replica.count("present")) == (1, 1)


def test_it_publishes_by_itself_within_a_second_and_outlives_a_dead_redis(
    registry: KeyRegistry, replica: Replica, redis_server: RedisServer
) -> None:
    publisher = replica.publisher
    publisher.start()
    first = create(registry)
    wait_until(lambda: first.key.id in replica.in_redis())
    registry.revoke(first.key.id, "lost", "test")
    wait_until(lambda: replica.in_redis()[first.key.id].status is Status.REVOKED)
    redis_server.kill()
    second = create(registry)
    wait_until(lambda: not publisher.is_up_to_date)
    assert "Redis" in str(publisher.fault())
    redis_server.start()
    wait_until(lambda: publisher.is_up_to_date and replica.in_redis().keys() == {first.key.id, second.key.id})
    assert publisher.fault() is None
    publisher.stop(timeout=5)


def test_a_database_that_is_gone_is_waited_for(registry: KeyRegistry, replica: Replica, tmp_path: Path) -> None:
    create(registry)
    rename_table(tmp_path / "registry.db", "registry", "away")
    replica.publisher.start()
    wait_until(lambda: replica.metrics.errors.labels("registry")._value.get() >= 1)
    assert not replica.publisher.is_up_to_date
    rename_table(tmp_path / "registry.db", "away", "registry")
    wait_until(lambda: len(replica.in_redis()) == 1)
    replica.publisher.stop(timeout=5)
