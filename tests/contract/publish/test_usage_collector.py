"""From batches in real Redis to the ledger in a real registry (SQLite): each once, by the replica that leads."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from extauth.publish import usage_collector
from extauth.publish.usage_collector import UsageCollector
from extauth.registry.database import Database
from extauth.registry.errors import UnavailableError
from extauth.registry.ledger import Ledger
from extauth.settings.redis import RedisSettings
from extauth.store.client import connect
from extauth.store.names import Names
from extauth.store.usage_reader import UsageReader
from extauth.telemetry.usage_metrics import CollectorMetrics
from tests.support.collecting import checks, collect, collector_of, outcomes
from tests.support.redis_server import RedisServer
from tests.support.usage import NOON, batch, batches, row
from tests.support.wait import wait_until


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
