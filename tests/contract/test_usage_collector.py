"""From batches in real Redis to the ledger in a real registry (SQLite): each once, whatever fails in between."""

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import func, select

from extauth.publish import usage_collector
from extauth.publish.usage_collector import UsageCollector
from extauth.registry.database import Database
from extauth.registry.errors import UnavailableError
from extauth.registry.ledger import Ledger
from extauth.registry.schema import usage_minutes
from extauth.settings.redis import RedisSettings
from extauth.store.client import connect
from extauth.store.errors import StoreUnavailableError
from extauth.store.names import Names
from extauth.store.usage import UsageBuffer
from extauth.store.usage_batch import UsageBatch
from extauth.store.usage_reader import StoredBatch, UsageReader
from extauth.telemetry.cells import lock
from extauth.telemetry.usage_metrics import CollectorMetrics, UsageMetrics
from tests.support.redis_server import RedisServer
from tests.support.sqlite import rename_table
from tests.support.usage import NOON, batch, batches, row
from tests.support.wait import wait_until


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'registry.db'}")
    database.migrate()
    yield database
    database.close()


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


def collector_of(reader: UsageReader, ledger: Ledger, metrics: CollectorMetrics) -> UsageCollector:
    return UsageCollector(reader, ledger, metrics, ledger_error=UnavailableError, poll_interval=0.02)


def collect(collector: UsageCollector) -> None:
    while collector.collect_once():
        pass


def checks(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(select(func.coalesce(func.sum(usage_minutes.c.checks), 0))).scalar_one())


def outcomes(metrics: CollectorMetrics) -> dict[str, float]:
    return {
        labels[0]: child._value.get() for labels, child in metrics.batches._metrics.items() if child._value.get() > 0
    }


def test_batches_become_usage_and_leave_redis(
    collector: UsageCollector,
    reader: UsageReader,
    database: Database,
    send: Callable[..., None],
    collector_metrics: CollectorMetrics,
) -> None:
    send(*batches(40))
    collect(collector)
    assert checks(database) == 40
    assert reader.waiting() == 0
    assert outcomes(collector_metrics) == {"added": 40}
    assert collector_metrics.lag._value.get() == 0
    assert not collector.collect_once()


def test_the_age_of_what_waits_is_told(
    collector: UsageCollector, send: Callable[..., None], collector_metrics: CollectorMetrics
) -> None:
    send(batch(1), entry_id=f"{NOON}-0")
    collector._clock = lambda: NOON / 1000 + 7
    collector.collect_once()
    assert collector_metrics.lag._value.get() == 7
    assert collector_metrics.waiting._value.get() == 1


def test_a_batch_that_came_twice_counts_once(
    collector: UsageCollector, database: Database, send: Callable[..., None], collector_metrics: CollectorMetrics
) -> None:
    send(batch(1), batch(1), batch(2))
    collect(collector)
    send(batch(2), batch(3))
    collect(collector)
    assert checks(database) == 3
    assert outcomes(collector_metrics) == {"added": 3, "duplicate": 2}


class CrashesBeforeRemoval(UsageReader):
    """Dies between the ledger's commit and the removal from Redis."""

    def remove(self, batches: Sequence[StoredBatch]) -> None:
        raise InterruptedError


def test_a_crash_between_commit_and_removal_counts_nothing_twice(
    reader: UsageReader,
    database: Database,
    send: Callable[..., None],
    redis_settings: RedisSettings,
    names: Names,
    collector_metrics: CollectorMetrics,
) -> None:
    send(*batches(3))
    crashing = CrashesBeforeRemoval(connect(redis_settings), names)
    for _ in range(2):
        with pytest.raises(InterruptedError):
            collector_of(crashing, Ledger(database), CollectorMetrics(CollectorRegistry())).collect_once()
    assert checks(database) == reader.waiting() == 3
    send(batch(4))
    collect(collector_of(reader, Ledger(database), collector_metrics))
    assert checks(database) == 4
    assert reader.waiting() == 0
    assert outcomes(collector_metrics) == {"added": 1, "duplicate": 3}


def test_a_crash_before_the_commit_loses_nothing(
    collector: UsageCollector,
    reader: UsageReader,
    database: Database,
    send: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send(*batches(3))

    def crash(*_: object) -> None:
        raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr("extauth.registry.ledger._tell_keys", crash)  # the last statement before the commit
        with pytest.raises(InterruptedError):
            collector.collect_once()
    assert checks(database) == 0
    assert reader.waiting() == 3
    collect(collector)
    assert checks(database) == 3


def test_collectors_at_once_count_each_batch_once(
    database: Database, send: Callable[..., None], redis_settings: RedisSettings, names: Names, tmp_path: Path
) -> None:
    sidecars = [f"{number:016x}" for number in range(5)]
    collectors = []
    for _ in range(3):
        other = Database(f"sqlite:///{tmp_path / 'registry.db'}")  # as in another process
        reader = UsageReader(connect(redis_settings), names)
        collectors.append((collector_of(reader, Ledger(other), CollectorMetrics(CollectorRegistry())), other))
    for collector, _ in collectors:
        collector.start()
    for number in range(1, 31):
        for sidecar in sidecars:
            send(batch(number, instance=sidecar), batch(number, instance=sidecar))
    wait_until(lambda: checks(database) >= 150)
    for collector, other in collectors:
        collector.stop(timeout=10)
        other.close()
    assert checks(database) == 150


def test_only_the_replica_that_leads_collects_and_tells(
    reader: UsageReader, database: Database, send: Callable[..., None], collector_metrics: CollectorMetrics
) -> None:
    leading = threading.Event()
    leading.set()
    collector = UsageCollector(
        reader,
        Ledger(database),
        collector_metrics,
        ledger_error=UnavailableError,
        poll_interval=0.02,
        is_leading=leading.is_set,
    )
    collector_metrics.lag.set(7)
    collector.start()
    send(batch(1))
    wait_until(lambda: checks(database) == 1)
    leading.clear()
    collector_metrics.lag.set(7)  # as if it had been behind
    wait_until(lambda: collector_metrics.lag._value.get() == 0)
    send(batch(2))
    collector_metrics.waiting.set(7)
    wait_until(lambda: collector_metrics.waiting._value.get() == 0)
    assert checks(database) == reader.waiting() == 1
    leading.set()
    wait_until(lambda: checks(database) == 2)
    collector.stop(timeout=5)


def test_a_new_redis_with_lower_ids_does_not_stop_collection(
    collector: UsageCollector, database: Database, send: Callable[..., None], redis_server: RedisServer
) -> None:
    send(*batches(2))
    collect(collector)
    redis_server.kill()
    with pytest.raises(StoreUnavailableError):
        collector.collect_once()
    redis_server.start()
    send(batch(3), entry_id="5-1")  # its clock is far behind
    send(batch(4), entry_id="5-2")
    collect(collector)
    assert checks(database) == 4


def test_a_redis_that_forgot_the_removal_makes_nothing_count_twice(
    collector: UsageCollector, database: Database, send: Callable[..., None], redis_server: RedisServer, names: Names
) -> None:
    send(*batches(3))
    collect(collector)
    with redis_server.client() as client:
        client.delete(names.usage)
    send(*batches(4))  # as after a failover to a replica that lagged
    collect(collector)
    assert checks(database) == 4


def test_what_cannot_be_read_is_removed_counted_and_in_nobodys_way(
    collector: UsageCollector,
    reader: UsageReader,
    database: Database,
    send: Callable[..., None],
    redis_server: RedisServer,
    names: Names,
    collector_metrics: CollectorMetrics,
) -> None:
    with redis_server.client() as client:
        client.xadd(names.usage, {"id": "something else"})
        client.xadd(names.usage, {"id": "00112233445566ff-1", "rows": b"\xff"})
    send(batch(2))
    collect(collector)
    assert checks(database) == 1
    assert reader.waiting() == 0
    assert outcomes(collector_metrics) == {"added": 1, "unreadable": 2, "missing": 1}


def test_a_transaction_takes_only_so_many_rows(
    collector: UsageCollector, reader: UsageReader, send: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage_collector, "_ROWS", 5)
    large = [row(f"key {number}") for number in range(9)]
    send(batch(1, *large), batch(2, *large[:3]), batch(3, *large[:2]), batch(4, *large[:1]))
    waiting = []
    while collector.collect_once():
        waiting.append(reader.waiting())
    assert waiting == [3, 1, 0]


def test_the_thread_outlives_redis_and_the_database(
    collector: UsageCollector,
    database: Database,
    send: Callable[..., None],
    redis_server: RedisServer,
    tmp_path: Path,
    collector_metrics: CollectorMetrics,
) -> None:
    def errors(kind: str) -> float:
        return float(collector_metrics.errors.labels(kind)._value.get())

    collector.start()
    redis_server.kill()
    wait_until(lambda: errors("redis") >= 1)
    redis_server.start()
    rename_table(tmp_path / "registry.db", "usage_minutes", "usage_away")
    send(batch(1))
    wait_until(lambda: errors("registry") >= 1)
    rename_table(tmp_path / "registry.db", "usage_away", "usage_minutes")
    wait_until(lambda: checks(database) == 1)
    collector.stop(timeout=5)


def test_the_whole_way_while_redis_dies_again_and_again(
    collector: UsageCollector,
    reader: UsageReader,
    database: Database,
    redis_server: RedisServer,
    redis_settings: RedisSettings,
    names: Names,
    collector_metrics: CollectorMetrics,
) -> None:
    usage_metrics = UsageMetrics(CollectorRegistry())
    buffer = UsageBuffer(connect(redis_settings), names, usage_metrics, flush_interval=0.01, max_waiting=10_000)
    counted, done = [], threading.Event()

    def count() -> None:
        while not done.wait(0.001):
            with lock:
                buffer.count(f"key {len(counted) % 3}", "acme", "orders", "allowed")
            counted.append(1)

    counting = threading.Thread(target=count)
    for part in (collector, buffer, counting):
        part.start()
    for _ in range(3):
        done.wait(0.3)
        redis_server.kill()  # batches that were in it are gone, and told as missing
        done.wait(0.1)
        redis_server.start()
    done.wait(0.3)
    done.set()
    counting.join()
    buffer.stop(timeout=5)
    wait_until(lambda: collector_metrics.lag._value.get() == 0 and not reader.waiting())
    collector.stop(timeout=5)
    assert checks(database) <= len(counted)
    if "missing" not in outcomes(collector_metrics):
        assert checks(database) == len(counted)
    assert outcomes(collector_metrics)["added"] + outcomes(collector_metrics).get("missing", 0) == buffer._sequence
