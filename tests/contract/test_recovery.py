"""When Redis is back: what was known is read again at a bounded pace or not at all, and goes on working meanwhile."""

import signal
import time
from collections.abc import Iterator
from queue import Queue

import pytest
from prometheus_client import CollectorRegistry

from extauth.check.pending import Pending
from extauth.keys.record import KeyRecord
from extauth.settings.redis import RedisSettings
from extauth.store.client import connect
from extauth.store.feed import FEED_PATIENCE, FeedFollower
from extauth.store.names import Names
from extauth.store.near_cache import Freshness, NearCache
from extauth.store.queue import MAX_BATCH
from extauth.store.queue import Queue as NeedQueue
from extauth.store.queues import queue_for
from extauth.telemetry.sidecar_metrics import SidecarMetrics
from tests.support.check_messages import Answer, check_request
from tests.support.decider import Bench, BenchMaker
from tests.support.keys import issue
from tests.support.redis_server import RedisServer
from tests.support.wait import wait_until

pytestmark = pytest.mark.one_redis
_KEYS = 1000
_CHECKS_OF_EACH = 3


@pytest.fixture
def cache() -> NearCache:
    return NearCache(_KEYS, Freshness(max_staleness=5, max_stale=600, negative=5))


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def queue(redis_settings: RedisSettings, registry: CollectorRegistry) -> Iterator[NeedQueue]:
    queue = queue_for(redis_settings, SidecarMetrics(registry))
    queue.start()
    yield queue
    queue.stop(timeout=5)


@pytest.fixture
def bench(bench_of: BenchMaker) -> Bench:
    return bench_of()


@pytest.fixture
def issued(bench: Bench) -> list[tuple[str, KeyRecord]]:
    """As many keys as fit into memory."""
    issued = [issue() for _ in range(_KEYS)]
    bench.store.put([record for _, record in issued])
    return issued


@pytest.fixture
def checks(issued: list[tuple[str, KeyRecord]]) -> list[bytes]:
    return [check_request({"x-api-key": key}) for key, _ in issued]


def remember(cache: NearCache, issued: list[tuple[str, KeyRecord]]) -> None:
    """Put them into memory, as read long ago: past max_staleness, and not past max_stale."""
    for _, record in issued:
        cache.end_read(record.digest, cache.begin_read(record.digest), record, time.monotonic() - 100)


def ask_all(bench: Bench, checks: list[bytes], wait: float = 0.15) -> list[Answer]:
    """All at once, each more than once."""
    answers: Queue[bytes] = Queue()
    for check in checks * _CHECKS_OF_EACH:
        outcome = bench.decider.decide(check, time.monotonic() + wait)
        if isinstance(outcome, Pending):
            outcome.then(answers.put)
        else:
            answers.put(outcome)
    return [Answer.parse(answers.get(timeout=30)) for _ in range(len(checks) * _CHECKS_OF_EACH)]


def reads(server: RedisServer) -> int:
    """Keys that were read so far."""
    with server.client() as client:
        return int(client.info("commandstats").get("cmdstat_get", {}).get("calls", 0))


def test_each_key_is_read_once_and_one_exchange_comes_after_the_other(
    bench: Bench,
    cache: NearCache,
    issued: list[tuple[str, KeyRecord]],
    checks: list[bytes],
    redis_server: RedisServer,
    registry: CollectorRegistry,
) -> None:
    """Redis is back, and the change feed is not yet: everything in memory is old."""
    remember(cache, issued)
    before = reads(redis_server)
    answers = ask_all(bench, checks, wait=30)
    assert {answer.code for answer in answers} == {0}
    # Checks of one key that come before its answer share a read; for those that come later memory knows.
    # (Some come in between: after it was seen to be old, and before it was read again.)
    assert _KEYS <= reads(redis_server) - before < 1.1 * _KEYS
    sizes = {
        float(sample.labels["le"]): sample.value
        for metric in registry.collect()
        if metric.name == "extauth_redis_batch_checks"
        for sample in metric.samples
        if sample.name.endswith("_bucket")
    }
    assert sizes[float("inf")] >= _KEYS / MAX_BATCH
    assert sizes[500] == sizes[float("inf")]
    with redis_server.client() as client:
        asking = [one for one in client.client_list() if one["name"] == "extauth" and "get" in one["cmd"]]
        assert len(asking) <= 1


def test_keys_whose_turn_does_not_come_in_time_go_on_from_memory(
    bench: Bench, cache: NearCache, issued: list[tuple[str, KeyRecord]], checks: list[bytes]
) -> None:
    remember(cache, issued)
    assert {answer.code for answer in ask_all(bench, checks, wait=0.001)} == {0}
    assert bench.count("extauth_near_cache_lookups_total", result="stale") > 0


def test_after_an_outage_in_which_nothing_changed_nothing_is_read_again(
    bench: Bench,
    cache: NearCache,
    issued: list[tuple[str, KeyRecord]],
    checks: list[bytes],
    redis_server: RedisServer,
    redis_settings: RedisSettings,
    names: Names,
    metrics: SidecarMetrics,
) -> None:
    feed = FeedFollower(connect(redis_settings, timeout=FEED_PATIENCE), names, cache, metrics)
    feed.start()
    try:
        wait_until(lambda: feed.fault() is None)
        remember(cache, issued)
        redis_server.signal(signal.SIGSTOP)
        wait_until(lambda: feed.fault() is not None)
        redis_server.signal(signal.SIGCONT)
        wait_until(lambda: feed.fault() is None)
        before = reads(redis_server)
        assert {answer.code for answer in ask_all(bench, checks)} == {0}
        assert reads(redis_server) == before
    finally:
        redis_server.signal(signal.SIGCONT)
        feed.stop(timeout=5)
