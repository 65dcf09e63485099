"""What Redis lost, was given by others, or has from before comes right again."""

import time
from dataclasses import replace

import pytest

from extauth.keys.record import Version
from extauth.publish import comparison
from extauth.registry.operations import KeyRegistry
from extauth.store.leadership import DeposedError
from extauth.store.names import SHARDS, Names
from tests.support.keys import PEPPER, issue
from tests.support.publisher_replica import Make, Replica, create, feed
from tests.support.redis_server import RedisServer
from tests.support.wait import wait_until


def test_a_redis_that_lost_everything_gets_everything_back(
    registry: KeyRegistry, replica: Replica, redis_server: RedisServer
) -> None:
    create(registry)
    revoked = create(registry)
    registry.revoke(revoked.key.id, "lost", "test")
    replica.publish()
    before = replica.in_redis()
    with redis_server.client() as client:
        client.flushall()
    create(registry)
    with pytest.raises(DeposedError):
        replica.publish()
    replica.publisher._round()
    replica.publish()
    assert before.items() <= replica.in_redis().items()
    assert len(replica.in_redis()) == 3
    assert replica.state.complete
    assert replica.restarts() == {"empty": 2}


@pytest.mark.parametrize("shard", [0, SHARDS - 1])
def test_a_shard_that_lost_its_data_makes_unknown_keys_unavailable_until_they_are_back(
    registry: KeyRegistry, replica: Replica, redis_server: RedisServer, names: Names, shard: int
) -> None:
    create(registry)
    replica.publish()
    before = replica.state
    with redis_server.client() as client:
        client.delete(names.fence(shard))
    replica.publisher._writer.forget()  # as after any failure
    replica.publish()
    assert replica.state.instance != before.instance
    assert replica.state.complete
    assert replica.restarts() == {"empty": 1, "lost": 1}


def test_a_redis_that_was_rolled_back_is_brought_up_again_and_compared(
    registry: KeyRegistry, replica: Replica, redis_server: RedisServer, names: Names
) -> None:
    issued = [create(registry) for _ in range(3)]
    replica.publish()
    registry.disable(issued[0].key.id, "test")
    replica.publish()
    with redis_server.client() as client:
        kept = {name: client.dump(name) for name in client.scan_iter() if b"leader" not in name}
    create(registry)
    registry.revoke(issued[1].key.id, "", "test")
    replica.publish()
    after = replica.in_redis()
    with redis_server.client() as client:  # as after a failover to a replica that lagged
        for name in client.scan_iter():
            if b"leader" not in name:
                client.delete(name)
        for name, value in kept.items():
            client.restore(name, 0, value)
        client.delete(names.record("p1", PEPPER.digest(issued[2].secret)))
    create(registry)
    replica.publish()
    replica.publish()
    assert after.items() <= replica.in_redis().items()
    assert len(replica.in_redis()) == 5
    assert replica.restarts() == {"empty": 1, "rolled_back": 1}


def test_comparing_puts_back_single_records_and_tells_of_them(
    registry: KeyRegistry, replica: Replica, redis_server: RedisServer, names: Names
) -> None:
    issued = create(registry)
    replica.publish()
    with redis_server.client() as client:
        client.delete(names.record("p1", PEPPER.digest(issued.secret)))
    replica.compare()
    assert issued.key.id in replica.in_redis()
    assert feed(redis_server, names) == [1]


def test_what_was_lost_is_logged_and_what_is_only_new_is_not(
    registry: KeyRegistry,
    replica: Replica,
    redis_server: RedisServer,
    names: Names,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(comparison, "CHUNK", 2)
    issued = min((create(registry) for _ in range(4)), key=lambda one: one.key.id)
    replica.publish()
    with redis_server.client() as client:
        client.delete(names.record("p1", PEPPER.digest(issued.secret)))
    replica.publisher._writer._is_urgent = True
    replica.publisher.step()  # announces that there is a comparison
    create(registry)  # after the last change that was published, as in the middle of an import
    monkeypatch.setattr(replica.publisher._writer, "_catch_up", lambda *_: None)
    wait_until(lambda: replica.publisher.step() >= 0 and not replica.state.compared.startswith("records:"))
    told = [line.split() for line in capsys.readouterr().out.splitlines() if "redis_had_lost_records" in line]
    assert [line[-1] for line in told] == ["count=1"]
    assert len(replica.in_redis()) == 5


def test_comparing_removes_what_the_registry_does_not_have(
    registry: KeyRegistry, replica: Replica, redis_server: RedisServer, names: Names
) -> None:
    issued = create(registry)
    replica.publish()
    _, stranger = issue(revision=1)
    _, from_the_future = issue(revision=1000)
    replica.stores.records.put([stranger, from_the_future])
    with redis_server.client() as client:
        client.set(names.record("p1", b"\xff" * 32), b"garbage")
    replica.compare()
    assert replica.in_redis().keys() == {issued.key.id, from_the_future.key_id}
    assert len(feed(redis_server, names)) == 2
    with redis_server.client() as client:
        assert not client.exists(names.record("p1", b"\xff" * 32))


def test_a_record_that_redis_has_in_a_newer_state_is_left_and_reported(registry: KeyRegistry, replica: Replica) -> None:
    issued = create(registry)
    replica.publish()
    newer = replica.in_redis()[issued.key.id]
    replica.stores.records.put([replace(newer, version=Version(1, 50))])
    registry.disable(issued.key.id, "test")
    replica.publish()
    assert replica.in_redis()[issued.key.id].version.revision == 50
    assert replica.count("refused") == 1


def test_a_comparison_comes_when_it_is_time_and_is_no_faster_than_it_may_be(
    registry: KeyRegistry, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "CHUNK", 2)
    for _ in range(8):
        create(registry)
    replica = make(reconcile_interval=0.01, reconcile_rate=100)  # 0.02 seconds for a chunk
    replica.publish()
    wait_until(lambda: replica.publisher.step() > 0 and replica.state.compared.startswith("records:"))
    started = time.monotonic()
    wait_until(lambda: replica.publisher.step() > 0 and replica.state.compared == "", 60)
    assert time.monotonic() - started > 0.3
