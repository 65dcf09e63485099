"""Crashes, and a Redis or a database that goes away: usage is counted once all the same."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from extauth.publish.usage_collector import UsageCollector
from extauth.registry.database import Database
from extauth.registry.ledger import Ledger
from extauth.settings.redis import RedisSettings
from extauth.store.client import connect
from extauth.store.errors import StoreUnavailableError
from extauth.store.names import Names
from extauth.store.usage import UsageBuffer
from extauth.store.usage_reader import StoredBatch, UsageReader
from extauth.telemetry.cells import lock
from extauth.telemetry.usage_metrics import CollectorMetrics, UsageMetrics
from tests.support.collecting import checks, collect, collector_of, outcomes
from tests.support.redis_server import RedisServer
from tests.support.sqlite import rename_table
from tests.support.usage import batch, batches
from tests.support.wait import wait_until


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
