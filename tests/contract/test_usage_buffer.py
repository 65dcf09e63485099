"""Counting usage and sending it to real Redis: exact, bounded, and nothing lost while Redis is away for a while."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
import redis
from prometheus_client import CollectorRegistry

from extauth.settings.redis import RedisSettings
from extauth.store import usage
from extauth.store.client import connect
from extauth.store.names import Names
from extauth.store.usage import UsageBuffer
from extauth.store.usage_batch import UsageRow
from extauth.store.usage_reader import UsageReader
from extauth.telemetry.cells import lock
from extauth.telemetry.usage_metrics import UsageMetrics
from tests.support.redis_server import RedisServer
from tests.support.usage import NOON
from tests.support.wait import wait_until


@pytest.fixture
def usage_metrics() -> UsageMetrics:
    return UsageMetrics(CollectorRegistry())


@pytest.fixture
def reader(redis_settings: RedisSettings, names: Names) -> Iterator[UsageReader]:
    reader = UsageReader(connect(redis_settings), names)
    yield reader
    reader.close()


@pytest.fixture
def make(redis_settings: RedisSettings, names: Names, usage_metrics: UsageMetrics) -> Callable[..., UsageBuffer]:
    def make(client: redis.Redis | None = None, **options: object) -> UsageBuffer:
        given = {"flush_interval": 0.02, **options}
        return UsageBuffer(client or connect(redis_settings), names, usage_metrics, **given)  # type: ignore[arg-type]

    return make


def count(buffer: UsageBuffer, *row: str) -> None:
    with lock:
        buffer.count(*row)


def lost(metrics: UsageMetrics, cause: str) -> float:
    return float(metrics.lost.labels(cause)._value.get())


def rows(reader: UsageReader) -> list[UsageRow]:
    stored = reader.oldest(1000)
    assert all(one.batch is not None for one in stored)
    return [row for one in stored if one.batch is not None for row in one.batch.rows]


def sums(reader: UsageReader) -> Counter[str]:
    """Checks by key, each batch once, as a ledger would count them."""
    by_id = {(one.batch.instance, one.batch.sequence): one.batch for one in reader.oldest(1000) if one.batch}
    found: Counter[str] = Counter()
    for batch in by_id.values():
        for row in batch.rows:
            found[row.key_id] += row.total
    return found


def test_checks_are_added_up_by_key_api_minute_and_outcome(
    make: Callable[..., UsageBuffer], reader: UsageReader
) -> None:
    times = iter([NOON, NOON + 1, NOON + 59_999, NOON + 60_000, NOON + 2, NOON + 3])
    buffer = make(clock=lambda: next(times))
    count(buffer, "a", "acme", "orders", "allowed")
    count(buffer, "a", "acme", "orders", "limited")
    count(buffer, "a", "acme", "orders", "allowed")
    count(buffer, "a", "acme", "orders", "denied:missing_scope")
    count(buffer, "a", "acme", "admin", "denied:missing_scope")
    count(buffer, "a", "acme", "admin", "denied:expired_key")
    buffer.flush()
    assert rows(reader) == [
        UsageRow("a", "acme", "orders", NOON, NOON + 59_999, {"allowed": 2, "limited": 1}),
        UsageRow("a", "acme", "orders", NOON + 60_000, NOON + 60_000, {"denied:missing_scope": 1}),
        UsageRow("a", "acme", "admin", NOON, NOON + 3, {"denied:missing_scope": 1, "denied:expired_key": 1}),
    ]
    buffer.flush()
    assert reader.waiting() == 1  # nothing new, nothing sent


def test_many_rows_go_in_several_batches(
    make: Callable[..., UsageBuffer], reader: UsageReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "BATCH_ROWS", 3)
    buffer = make(clock=lambda: NOON)
    for number in range(7):
        count(buffer, f"key {number}", "acme", "orders", "allowed")
    buffer.flush()
    batches = [one.batch for one in reader.oldest(10)]
    assert [(batch.sequence, len(batch.rows)) for batch in batches if batch] == [(1, 3), (2, 3), (3, 1)]
    assert len(sums(reader)) == 7


def test_threads_at_once_lose_nothing(make: Callable[..., UsageBuffer], reader: UsageReader) -> None:
    buffer = make()
    buffer.start()

    def work() -> None:
        for number in range(5000):
            count(buffer, f"key {number % 7}", "acme", "orders", "allowed")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    buffer.stop(timeout=5)
    assert sum(sums(reader).values()) == 20_000
    assert len(sums(reader)) == 7


def test_stopping_sends_the_rest(make: Callable[..., UsageBuffer], reader: UsageReader) -> None:
    buffer = make(flush_interval=3600)
    buffer.start()
    count(buffer, "a", "acme", "orders", "allowed")
    buffer.stop(timeout=5)
    assert sums(reader) == {"a": 1}


def test_more_keys_than_fit_are_counted_as_lost(
    make: Callable[..., UsageBuffer], reader: UsageReader, usage_metrics: UsageMetrics
) -> None:
    buffer = make(max_rows=2, clock=lambda: NOON)
    for key_id in ("a", "b", "c", "a", "c"):
        count(buffer, key_id, "acme", "orders", "allowed")
    buffer.flush()
    assert sums(reader) == {"a": 2, "b": 1}
    assert lost(usage_metrics, "too_many_keys") == 2
    count(buffer, "c", "acme", "orders", "allowed")  # the next interval has room again
    buffer.flush()
    assert sums(reader) == {"a": 2, "b": 1, "c": 1}


def test_names_that_no_ledger_can_hold_are_left_out(
    make: Callable[..., UsageBuffer], reader: UsageReader, usage_metrics: UsageMetrics
) -> None:
    buffer = make()
    for key_id in ("a", "x" * 129, "\x00", "\ud800"):
        count(buffer, key_id, "acme", "orders", "allowed")
    buffer.flush()
    assert sums(reader) == {"a": 1}
    assert lost(usage_metrics, "unfit_name") == 3


def test_while_redis_is_away_batches_wait_and_the_oldest_go(
    make: Callable[..., UsageBuffer], reader: UsageReader, redis_server: RedisServer, usage_metrics: UsageMetrics
) -> None:
    buffer = make(max_waiting=3)
    redis_server.kill()
    for number in range(5):
        count(buffer, f"key {number}", "acme", "orders", "allowed")
        buffer.flush()
    assert usage_metrics.waiting._value.get() == 3
    assert lost(usage_metrics, "redis_away") == 2
    assert usage_metrics.errors.labels("connection")._value.get() == 5
    redis_server.start()
    buffer.flush()
    assert [row.key_id for row in rows(reader)] == ["key 2", "key 3", "key 4"]
    assert usage_metrics.waiting._value.get() == 0


def test_the_thread_outlives_a_dead_redis(
    make: Callable[..., UsageBuffer], reader: UsageReader, redis_server: RedisServer, usage_metrics: UsageMetrics
) -> None:
    buffer = make()
    buffer.start()
    redis_server.kill()
    count(buffer, "a", "acme", "orders", "allowed")
    wait_until(lambda: usage_metrics.errors.labels("connection")._value.get() >= 2)
    redis_server.start()
    wait_until(lambda: reader.waiting() == 1)
    buffer.stop(timeout=5)
    assert sums(reader) == {"a": 1}


class LosesReplies(redis.Redis):
    """Sends every command, and does not hear the answer of the first."""

    heard = False

    def execute_command(self, *arguments: object, **options: object) -> object:
        answer = super().execute_command(*arguments, **options)
        if not self.heard:
            self.heard = True
            raise redis.TimeoutError
        return answer


@pytest.mark.one_redis
def test_a_batch_whose_arrival_was_not_confirmed_comes_again_under_the_same_id(
    make: Callable[..., UsageBuffer], reader: UsageReader, redis_server: RedisServer
) -> None:
    buffer = make(LosesReplies(unix_socket_path=str(redis_server.socket)))
    for key_id in ("a", "b"):
        count(buffer, key_id, "acme", "orders", "allowed")
        buffer.flush()
    batches = [one.batch for one in reader.oldest(10)]
    assert [batch.sequence for batch in batches if batch] == [1, 1, 2]
    assert sums(reader) == {"a": 1, "b": 1}


def test_a_stream_that_nobody_reads_does_not_grow_for_ever(
    make: Callable[..., UsageBuffer], reader: UsageReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "STREAM_LENGTH", 100)
    buffer = make()
    for number in range(1000):
        count(buffer, f"key {number}", "acme", "orders", "allowed")
        buffer.flush()
    assert 100 <= reader.waiting() < 300  # whole nodes of the stream are trimmed
    assert "key 999" in sums(reader)


@pytest.mark.one_redis
def test_counting_never_waits_for_redis(make: Callable[..., UsageBuffer], redis_server: RedisServer) -> None:
    sending = threading.Event()
    goes_on = threading.Event()

    class Stuck(redis.Redis):
        def execute_command(self, *arguments: object, **options: object) -> object:
            sending.set()
            goes_on.wait(10)
            return super().execute_command(*arguments, **options)

    buffer = make(Stuck(unix_socket_path=str(redis_server.socket)))
    buffer.start()
    count(buffer, "a", "acme", "orders", "allowed")
    assert sending.wait(5)
    for _ in range(1000):
        count(buffer, "a", "acme", "orders", "allowed")
    goes_on.set()
    buffer.stop(timeout=5)
