"""From a real registry (SQLite) through the publisher into real Redis."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import update

from extauth.keys.mark import mark
from extauth.keys.record import KeyRecord, Status, Version
from extauth.publish import comparison, writer
from extauth.publish.errors import DivergedError
from extauth.publish.publisher import Publisher
from extauth.registry import schema
from extauth.registry.database import Database
from extauth.registry.errors import UnavailableError
from extauth.registry.history import History
from extauth.registry.key import IssuedKey, NewKey
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.operations import KeyRegistry
from extauth.registry.token_operations import TokenRegistry
from extauth.registry.token_revocation import Tokens
from extauth.settings.redis import RedisSettings
from extauth.store.client import connect
from extauth.store.leadership import DeposedError
from extauth.store.names import SHARDS, Names
from extauth.store.publication import State
from extauth.store.publishing import PublishingStores
from extauth.telemetry.publisher_metrics import PublisherMetrics
from tests.support.keys import PEPPER, issue
from tests.support.publishing import stored
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


@pytest.fixture
def tokens(database: Database) -> TokenRegistry:
    return TokenRegistry(database, [PEPPER], RegistryMetrics(CollectorRegistry()))


class Replica:
    """One publisher with what it has in Redis and what it counts."""

    def __init__(self, database: Database, settings: RedisSettings, names: Names, **changes: float) -> None:
        self.metrics = PublisherMetrics(CollectorRegistry())
        self.stores = PublishingStores.on(connect(settings), names, "a test", changes.pop("lease", 60))
        intervals = {"poll_interval": 0.02, "reconcile_interval": 3600, "reconcile_rate": 1_000_000, **changes}
        self.publisher = Publisher(
            History(database), self.stores, self.metrics, source_error=UnavailableError, **intervals
        )

    def publish(self) -> None:
        self.publisher.publish_once()

    def end(self) -> None:
        """Also after a test that failed: a thread that goes on would write into the Redis of the next test."""
        if self.publisher._thread.is_alive():
            self.publisher.stop(timeout=5)
        self.stores.leadership.close()

    def compare(self) -> None:
        """One full comparison, now."""
        self.publisher._writer._is_urgent = True
        self.publish()

    @property
    def state(self) -> State:
        found = self.stores.publication.state()
        assert found is not None
        return found

    def in_redis(self) -> dict[str, KeyRecord]:
        return {record.key_id: record for record in stored(self.stores)}

    def restarts(self) -> dict[str, float]:
        found = {cause: self.metrics.restarts.labels(cause)._value.get() for cause in writer.CAUSES}
        return {cause: count for cause, count in found.items() if count}

    def count(self, outcome: str) -> float:
        return float(self.metrics.records.labels(outcome)._value.get())


Make = Callable[..., Replica]


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


def create(registry: KeyRegistry, name: str = "a key") -> IssuedKey:
    return registry.create(NewKey(name=name, tenant="acme", created_by="test", scopes=("read",)), "test")


def feed(redis_server: RedisServer, names: Names) -> list[int]:
    """The revisions that the feed tells of."""
    with redis_server.client() as client:
        return [int(entry[b"revision"]) for _, entry in client.xrange(names.changes)]


class TestPublishing:
    def test_everything_is_published_from_empty(self, registry: KeyRegistry, replica: Replica) -> None:
        issued = [create(registry, f"key {number}") for number in range(7)]
        replica.publish()
        assert (replica.state.complete, replica.state.version) == (True, Version(1, 7))
        found = replica.in_redis()
        assert found.keys() == {one.key.id for one in issued}
        assert found[issued[0].key.id].digest == PEPPER.digest(issued[0].secret)
        assert found[issued[0].key.id].scopes == ("read",)
        assert replica.restarts() == {"empty": 1}

    def test_an_empty_registry_is_published_too(self, replica: Replica) -> None:
        replica.publish()
        assert replica.state.complete

    def test_each_change_reaches_redis_and_the_feed_in_order(
        self, registry: KeyRegistry, replica: Replica, redis_server: RedisServer, names: Names
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
        self,
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
        self, registry: KeyRegistry, replica: Replica, monkeypatch: pytest.MonkeyPatch
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
        self, registry: KeyRegistry, tokens: TokenRegistry, replica: Replica, redis_server: RedisServer, names: Names
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
        self, registry: KeyRegistry, replica: Replica, redis_server: RedisServer, names: Names
    ) -> None:
        create(registry)
        replica.publish()
        before = replica.in_redis()
        replica.publish()
        replica.compare()
        assert replica.in_redis() == before
        assert feed(redis_server, names) == []
        assert (replica.count("written"), replica.count("present")) == (1, 1)


class TestCrashes:
    def test_a_new_publisher_resumes_where_the_last_one_stopped(
        self, registry: KeyRegistry, make: Make, redis_server: RedisServer, names: Names
    ) -> None:
        first, second = make(), make()
        create(registry)
        first.publish()
        before = first.state
        first.stores.leadership.release()
        create(registry)
        second.publish()
        assert second.state.instance == before.instance
        assert feed(redis_server, names) == [2]
        assert second.restarts() == {}

    def test_an_announcement_that_a_crash_prevented_is_made_up_for(
        self, registry: KeyRegistry, make: Make, database: Database, redis_server: RedisServer, names: Names
    ) -> None:
        first, second = make(), make()
        first.publish()
        create(registry)
        # The crash: the record has been written, the feed does not tell of it.
        first.stores.records.put([change.record for change in History(database).changes_after(0, 10)])
        first.stores.leadership.release()
        second.publish()
        assert feed(redis_server, names) == [1]

    def test_a_repair_that_was_not_announced_is_announced_by_the_next_one(
        self,
        registry: KeyRegistry,
        make: Make,
        redis_server: RedisServer,
        names: Names,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(comparison, "CHUNK", 2)
        issued = sorted((create(registry) for _ in range(5)), key=lambda one: one.key.id)
        first, second = make(), make()
        first.publish()
        with redis_server.client() as client:
            client.delete(*(names.record("p1", PEPPER.digest(one.secret)) for one in issued[2:4]))
        writer_of_first = first.publisher._writer
        writer_of_first._is_urgent = True
        while first.state.compared in {"", comparison.START}:  # up to the first chunk, which is right
            first.publisher.step()
        monkeypatch.setattr(writer_of_first, "_announce", lambda *_: None)  # the crash: after the write of the second
        first.publisher.step()
        assert len(first.in_redis()) == 5
        first.stores.leadership.release()
        assert feed(redis_server, names) == []
        second.compare()
        assert sorted(feed(redis_server, names)) == sorted(one.key.revision for one in issued[2:4])

    def test_a_removal_that_was_not_announced_makes_the_next_one_begin_anew(
        self, registry: KeyRegistry, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        create(registry)
        first, second = make(), make()
        first.publish()
        _, stranger = issue(revision=1)
        first.stores.records.put([stranger])

        def crash(*_: object) -> bool:
            raise InterruptedError

        monkeypatch.setattr(type(first.stores.records), "remove", crash)
        with pytest.raises(InterruptedError):
            first.compare()
        monkeypatch.undo()
        before = first.state
        first.stores.leadership.release()
        second.publish()
        assert second.state.instance != before.instance
        assert second.state.complete
        assert second.restarts() == {"cut_short": 1}
        assert stranger.key_id not in second.in_redis()

    def test_a_publication_that_was_not_complete_is_continued(
        self, registry: KeyRegistry, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(comparison, "CHUNK", 1)
        for _ in range(6):
            create(registry)
        first, second = make(), make()
        for _ in range(4):
            first.publisher.step()
        before, written = first.state, first.count("written")
        assert not before.complete
        assert 0 < written < 6
        first.stores.leadership.release()
        second.publish()
        assert second.state.instance == before.instance
        assert second.state.complete
        assert second.count("written") == 6 - written


class TestLosses:
    def test_a_redis_that_lost_everything_gets_everything_back(
        self, registry: KeyRegistry, replica: Replica, redis_server: RedisServer
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
        self, registry: KeyRegistry, replica: Replica, redis_server: RedisServer, names: Names, shard: int
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
        self, registry: KeyRegistry, replica: Replica, redis_server: RedisServer, names: Names
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
        self, registry: KeyRegistry, replica: Replica, redis_server: RedisServer, names: Names
    ) -> None:
        issued = create(registry)
        replica.publish()
        with redis_server.client() as client:
            client.delete(names.record("p1", PEPPER.digest(issued.secret)))
        replica.compare()
        assert issued.key.id in replica.in_redis()
        assert feed(redis_server, names) == [1]

    def test_comparing_removes_what_the_registry_does_not_have(
        self, registry: KeyRegistry, replica: Replica, redis_server: RedisServer, names: Names
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

    def test_a_record_that_redis_has_in_a_newer_state_is_left_and_reported(
        self, registry: KeyRegistry, replica: Replica
    ) -> None:
        issued = create(registry)
        replica.publish()
        newer = replica.in_redis()[issued.key.id]
        replica.stores.records.put([replace(newer, version=Version(1, 50))])
        registry.disable(issued.key.id, "test")
        replica.publish()
        assert replica.in_redis()[issued.key.id].version.revision == 50
        assert replica.count("refused") == 1

    def test_a_comparison_comes_when_it_is_time_and_is_no_faster_than_it_may_be(
        self, registry: KeyRegistry, make: Make, monkeypatch: pytest.MonkeyPatch
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


class TestEpochs:
    def raise_epoch(self, database: Database, **values: int) -> None:
        with database.write() as connection:
            connection.execute(update(schema.registry).values(**values))

    def test_a_new_epoch_is_published_anew(self, registry: KeyRegistry, replica: Replica, database: Database) -> None:
        issued = create(registry)
        replica.publish()
        before = replica.state
        self.raise_epoch(database, epoch=2)
        replica.publish()
        assert replica.state.instance != before.instance
        assert replica.state.version == Version(2, 1)
        assert replica.in_redis()[issued.key.id].version == Version(2, 1)
        assert replica.restarts() == {"empty": 1, "epoch": 1}

    def test_what_was_revoked_in_an_earlier_epoch_stays_revoked_known_or_not(
        self, registry: KeyRegistry, replica: Replica, database: Database
    ) -> None:
        issued = create(registry)
        replica.publish()
        _, unknown_revoked = issue(revision=1, status=Status.REVOKED)
        _, unknown_active = issue(revision=1)
        revoked_since = replace(replica.in_redis()[issued.key.id], version=Version(1, 7), status=Status.REVOKED)
        replica.stores.records.put([unknown_revoked, unknown_active, revoked_since])
        self.raise_epoch(database, epoch=2)
        replica.publish()
        found = replica.in_redis()
        assert found.keys() == {issued.key.id, unknown_revoked.key_id}
        assert {record.status for record in found.values()} == {Status.REVOKED}
        assert replica.count("refused") == 1

    @pytest.mark.parametrize("writes_since", [0, 2, 5])
    def test_a_registry_that_went_back_is_not_published(
        self, registry: KeyRegistry, make: Make, database: Database, tmp_path: Path, writes_since: int
    ) -> None:
        first, second = make(), make()
        create(registry)
        copy(tmp_path / "registry.db", tmp_path / "backup.db")
        lost = [create(registry) for _ in range(3)]
        first.publish()
        database.close()
        copy(tmp_path / "backup.db", tmp_path / "registry.db")
        for _ in range(writes_since):
            create(registry)
        before = first.in_redis()
        for replica in (first, second):
            replica.publisher._writer.forget()
            with pytest.raises(DivergedError, match="new-epoch"):
                replica.publish()
            replica.publisher._round()
            assert "new-epoch" in str(replica.publisher.fault())
            assert replica.metrics.errors.labels("diverged")._value.get() == 1
        assert first.in_redis() == before
        assert {one.key.id for one in lost} < before.keys()
        self.raise_epoch(database, epoch=2)
        first.publish()
        assert len(first.in_redis()) == 1 + writes_since

    def test_an_epoch_that_went_back_is_not_published(
        self, registry: KeyRegistry, replica: Replica, database: Database
    ) -> None:
        create(registry)
        self.raise_epoch(database, epoch=3)
        replica.publish()
        self.raise_epoch(database, epoch=2, revision=100)
        with pytest.raises(DivergedError):
            replica.publish()


class TestLeading:
    def test_one_publishes_and_another_stands_by(self, registry: KeyRegistry, make: Make) -> None:
        first, second = make(), make()
        create(registry)
        first.publish()
        before = first.state
        second.publish()
        assert (first.publisher.is_leading, second.publisher.is_leading) == (True, False)
        assert not second.publisher.is_up_to_date
        assert first.state.instance == before.instance
        assert gauge(second, "revision") == 1

    def test_both_start_at_once_and_one_publication_is_made(self, registry: KeyRegistry, make: Make) -> None:
        create(registry)
        replicas = [make() for _ in range(4)]
        for replica in replicas:
            replica.publisher.start()
        wait_until(lambda: any(replica.publisher.is_up_to_date for replica in replicas))
        assert [sum(replica.restarts().values()) for replica in replicas if replica.restarts()] == [1]
        for replica in replicas:
            replica.publisher.stop(timeout=5)

    def test_a_clean_stop_hands_over_at_once(self, registry: KeyRegistry, make: Make) -> None:
        first, second = make(), make()  # with leases of a minute
        first.publisher.start()
        wait_until(lambda: first.publisher.is_up_to_date)
        second.publisher.start()
        wait_until(lambda: second.publisher.fault() is None)  # it has looked, and stands by
        first.publisher.stop(timeout=5)
        wait_until(lambda: second.publisher.is_up_to_date)
        issued = create(registry)
        wait_until(lambda: issued.key.id in second.in_redis())
        second.publisher.stop(timeout=5)

    def test_a_lease_that_was_not_renewed_is_taken_over(self, registry: KeyRegistry, make: Make) -> None:
        first, second = make(lease=0.5), make()
        first.publish()
        second.publisher.start()
        issued = create(registry)
        wait_until(lambda: issued.key.id in second.in_redis())
        assert not first.publisher.is_leading
        create(registry)
        first.publisher.step()
        assert gauge(first, "leading") == 0
        assert gauge(second, "leading") == 1
        second.publisher.stop(timeout=5)

    def test_whoever_cannot_read_the_registry_lets_another_one_lead(
        self, registry: KeyRegistry, make: Make, redis_settings: RedisSettings, names: Names, tmp_path: Path
    ) -> None:
        copy(tmp_path / "registry.db", tmp_path / "other.db")
        other = Database(f"sqlite:///{tmp_path / 'other.db'}")
        first, second = Replica(other, redis_settings, names), make()
        first.publisher.start()
        wait_until(lambda: first.publisher.is_up_to_date)
        rename_table(tmp_path / "other.db", "registry", "away")
        wait_until(lambda: gauge(first, "leading") == 0)
        second.publisher.start()
        wait_until(lambda: second.publisher.is_up_to_date)
        assert first.publisher.fault() is not None
        for replica in (first, second):
            replica.publisher.stop(timeout=5)
        other.close()

    def test_lag_is_the_age_of_the_oldest_change_that_is_not_published(self, registry: KeyRegistry, make: Make) -> None:
        first, second = make(), make()
        first.publish()
        second.publish()
        assert gauge(second, "lag") == gauge(second, "behind") == 0
        for _ in range(3):
            create(registry)
        wait_until(lambda: second.publisher.step() > 0 and gauge(second, "lag") > 0.05)
        assert gauge(second, "behind") == 3
        first.publish()
        second.publish()
        assert gauge(first, "lag") == gauge(second, "lag") == gauge(second, "behind") == 0

    def test_lag_grows_while_redis_is_away_or_not_complete(
        self, registry: KeyRegistry, make: Make, redis_server: RedisServer
    ) -> None:
        replica = make()
        replica.publisher.start()
        wait_until(lambda: replica.publisher.is_up_to_date)
        redis_server.kill()
        create(registry)
        wait_until(lambda: gauge(replica, "lag") > 0.3)
        assert gauge(replica, "behind") == 1
        redis_server.start()
        wait_until(lambda: replica.publisher.is_up_to_date and gauge(replica, "lag") == 0)
        replica.publisher.stop(timeout=5)


class TestThread:
    def test_it_publishes_by_itself_within_a_second_and_outlives_a_dead_redis(
        self, registry: KeyRegistry, replica: Replica, redis_server: RedisServer
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

    def test_a_database_that_is_gone_is_waited_for(
        self, registry: KeyRegistry, replica: Replica, tmp_path: Path
    ) -> None:
        create(registry)
        rename_table(tmp_path / "registry.db", "registry", "away")
        replica.publisher.start()
        wait_until(lambda: replica.metrics.errors.labels("registry")._value.get() >= 1)
        assert not replica.publisher.is_up_to_date
        rename_table(tmp_path / "registry.db", "away", "registry")
        wait_until(lambda: len(replica.in_redis()) == 1)
        replica.publisher.stop(timeout=5)


def gauge(replica: Replica, name: str) -> float:
    (metric,) = getattr(replica.metrics, name).collect()
    return float(metric.samples[0].value)


def copy(source: Path, target: Path) -> None:
    """All of a SQLite database, whatever else is open."""
    with closing(sqlite3.connect(source)) as from_one, closing(sqlite3.connect(target)) as to_other:
        from_one.backup(to_other)


def rename_table(path: Path, name: str, new_name: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"ALTER TABLE {name} RENAME TO {new_name}")
