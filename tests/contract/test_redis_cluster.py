"""What only a Redis Cluster does: slots on several nodes, that move, and of which some may be away."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from extauth.keys.record import KeyRecord
from extauth.settings.redis import RedisSettings
from extauth.store.bucket import Level, Shape
from extauth.store.client import connect
from extauth.store.draw import Bucket
from extauth.store.errors import StoreUnavailableError
from extauth.store.key_reader import Candidate, Found, KeyReader
from extauth.store.names import SHARDS, Names
from extauth.store.near_cache import NearCache
from extauth.store.queue import Queue as NeedQueue
from extauth.store.queues import queue_for
from extauth.store.shared_buckets import Ahead, Got, Spend, TakeAhead
from extauth.telemetry.sidecar_metrics import SidecarMetrics
from tests.support.certificates import CertificateAuthority
from tests.support.keys import issue
from tests.support.publishing import HandPublisher
from tests.support.redis_cluster import ClusterServers
from tests.support.redis_server import DEBIAN, RedisServer
from tests.support.wait import wait_until

SHAPE = Shape.of(1, 3600, 100)
HERE, THERE, ELSEWHERE = (Bucket(f"b:{{{tag}}}:1", SHAPE) for tag in "abc")
"""On three nodes."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterServers]:
    servers = ClusterServers("redis-8.2", tmp_path_factory.mktemp("cluster"))
    servers.start()
    yield servers
    servers.kill()


@pytest.fixture
def servers(running: ClusterServers) -> ClusterServers:
    with running.client() as client:
        client.flushall()
    return running


@pytest.fixture
def redis_settings(servers: ClusterServers) -> RedisSettings:
    return servers.settings(namespace="test", timeout="500ms")


def spend(queue: NeedQueue, buckets: Sequence[Bucket]) -> list[Level] | StoreUnavailableError:
    answers: Queue[list[Level] | StoreUnavailableError] = Queue()
    queue.submit(Spend(buckets, time.monotonic() + 5, answers.put))
    return answers.get(timeout=10)


def remaining(queue: NeedQueue, buckets: Sequence[Bucket]) -> list[int]:
    levels = spend(queue, buckets)
    assert not isinstance(levels, StoreUnavailableError), levels
    assert all(level.enough for level in levels)
    return [level.remaining for level in levels]


def lacking(servers: ClusterServers | RedisServer, bucket: Bucket) -> int:
    """Tokens that a bucket lacks, as it is kept."""
    with servers.client() as client:
        value: Any = client.get(bucket.name)
    return round(int(value.split()[0]) / SHAPE.period) if value else 0


def test_buckets_of_a_request_may_be_on_several_nodes(queue: NeedQueue, servers: ClusterServers) -> None:
    nodes = {id(servers.primary_of(bucket.name)) for bucket in (HERE, THERE, ELSEWHERE)}
    assert len(nodes) == 3
    assert remaining(queue, [HERE, THERE, ELSEWHERE]) == [99, 99, 99]
    assert remaining(queue, [THERE, HERE]) == [98, 98]


def test_when_one_has_too_little_the_others_get_their_tokens_back(queue: NeedQueue, servers: ClusterServers) -> None:
    scarce = Bucket(THERE.name, Shape.of(1, 3600, 2), cost=2)
    dear = Bucket(ELSEWHERE.name, SHAPE, cost=10)
    assert remaining(queue, [HERE, scarce, dear]) == [99, 0, 90]
    for _ in range(5):
        refused = spend(queue, [HERE, scarce, dear])
        assert not isinstance(refused, StoreUnavailableError)
        assert [level.enough for level in refused] == [True, False, True]
        assert [level.remaining for level in refused] == [99, 0, 90]
        wait_until(lambda: [lacking(servers, one) for one in (HERE, ELSEWHERE)] == [1, 10])


def test_requests_at_once_get_what_there_is_and_not_a_token_more(queue: NeedQueue, servers: ClusterServers) -> None:
    plenty, scarce = HERE, Bucket(THERE.name, Shape.of(1, 3600, 30))
    admitted: list[int] = []

    def ask_often() -> None:
        for _ in range(40):
            levels = spend(queue, [plenty, scarce])
            assert not isinstance(levels, StoreUnavailableError)
            admitted.append(all(level.enough for level in levels))

    threads = [threading.Thread(target=ask_often) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(admitted), sum(admitted)) == (160, 30)
    wait_until(lambda: [lacking(servers, one) for one in (plenty, scarce)] == [30, 30])


def test_part_of_what_a_request_needs_is_not_kept(queue: NeedQueue, servers: ClusterServers) -> None:
    five = Bucket(THERE.name, Shape.of(1, 3600, 5), cost=3)
    assert remaining(queue, [HERE, five]) == [99, 2]
    refused = spend(queue, [HERE, five])
    assert not isinstance(refused, StoreUnavailableError)
    assert [level.remaining for level in refused] == [99, 2]
    wait_until(lambda: remaining(queue, [Bucket(THERE.name, Shape.of(1, 3600, 5), cost=2)]) == [0])


def test_leases_are_taken_from_several_nodes_at_once(queue: NeedQueue) -> None:
    answers: Queue[list[Got] | StoreUnavailableError] = Queue()
    queue.submit(
        TakeAhead([Ahead(HERE, 10), Ahead(THERE, 200), Ahead(ELSEWHERE, 30)], time.monotonic() + 5, answers.put)
    )
    got = answers.get(timeout=10)
    assert not isinstance(got, StoreUnavailableError)
    assert [one.granted for one in got] == [10, 100, 30]


def test_a_node_that_is_away_fails_only_what_it_has(queue: NeedQueue, servers: ClusterServers) -> None:
    assert remaining(queue, [HERE, THERE]) == [99, 99]
    here, away = servers.primary_of(HERE.name), servers.primary_of(THERE.name)
    away.signal(signal.SIGSTOP)
    try:
        assert isinstance(spend(queue, [THERE]), StoreUnavailableError)
        for number in range(98, 90, -1):
            assert remaining(queue, [HERE]) == [number]
        assert isinstance(spend(queue, [HERE, THERE]), StoreUnavailableError)
        wait_until(lambda: lacking(here, HERE) == 9)  # what it gave for nothing has come back
        assert not queue.redis_is_away
    finally:
        away.signal(signal.SIGCONT)
    wait_until(lambda: not isinstance(spend(queue, [THERE]), StoreUnavailableError))


def test_slots_move_while_they_are_asked_for(queue: NeedQueue, servers: ClusterServers) -> None:
    new = Bucket("b:{a}:new", SHAPE)  # in the slot of HERE
    assert remaining(queue, [HERE]) == [99]
    origin, target = servers.primary_of(HERE.name), servers.primary_of(THERE.name)
    with servers.moving(HERE.name, origin, target):
        assert remaining(queue, [HERE]) == [98]  # still there
        assert remaining(queue, [new]) == [99]  # ASK
        assert remaining(queue, [new]) == [98]
    assert remaining(queue, [HERE]) == [97]  # MOVED
    assert servers.primary_of(HERE.name) is target
    with servers.moving(HERE.name, target, origin):
        pass
    assert remaining(queue, [HERE, new]) == [96, 97]


def test_a_cluster_that_comes_later_is_found(metrics: SidecarMetrics, tmp_path_factory: pytest.TempPathFactory) -> None:
    late = ClusterServers("redis-8.2", tmp_path_factory.mktemp("late"))
    queue = queue_for(late.settings(namespace="test"), metrics)
    queue.start()
    assert isinstance(spend(queue, [HERE]), StoreUnavailableError)
    assert queue.redis_is_away
    late.start()
    try:
        wait_until(lambda: not queue.redis_is_away)
        assert remaining(queue, [HERE, THERE]) == [99, 99]
    finally:
        queue.stop(timeout=5)
        late.kill()


@pytest.mark.slow  # needs Debian's Redis, the only one that is built with TLS
def test_a_cluster_may_speak_tls(metrics: SidecarMetrics, tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path)
    secret = ClusterServers(DEBIAN, tmp_path, tls=authority.sign("redis"), ca=authority.path)
    secret.start()
    settings = secret.settings(namespace="test", timeout="2s")
    stranger = CertificateAuthority(tmp_path, "stranger").path
    wary = queue_for(settings.model_copy(update={"tls_ca_file": str(stranger)}), metrics)
    queue = queue_for(settings, metrics)
    try:
        for one in (queue, wary):
            one.start()
        assert remaining(queue, [HERE, THERE, ELSEWHERE]) == [99, 99, 99]
        assert isinstance(spend(wary, [HERE]), StoreUnavailableError)
        publisher = HandPublisher(connect(settings), Names("test"))
        publisher.begin()
        publisher.close()
    finally:
        for one in (queue, wary):
            one.stop(timeout=5)
        secret.kill()


Read = Callable[[KeyRecord], Found]


@pytest.fixture
def read(queue: NeedQueue, cache: NearCache, names: Names) -> Read:
    reader = KeyReader(queue, cache, names)

    def read(record: KeyRecord) -> Found:
        answers: Queue[Found] = Queue()
        reader.read([Candidate("p1", record.digest)], time.monotonic() + 5, answers.put)
        return answers.get(timeout=10)

    return read


def kind(found: Found) -> str:
    return found.kind if isinstance(found, StoreUnavailableError) else str(found)


def test_a_key_that_is_not_there_does_not_exist_once_all_is_published(read: Read, store: HandPublisher) -> None:
    store.begin()
    there, absent = issue()[1], issue()[1]
    store.put([there])
    assert read(there) == there
    assert kind(read(absent)) == "unpublished"
    store.complete()
    assert read(absent) is None
    assert read(there) == there


def test_a_shard_that_lost_its_data_is_no_reason_to_refuse_its_keys(
    read: Read, store: HandPublisher, servers: ClusterServers, names: Names
) -> None:
    """Before the publisher has noticed anything, and after it has, until all is back."""
    store.begin()
    record = issue()[1]
    store.put([record])
    store.complete()
    with servers.client() as client:
        client.delete(names.record("p1", record.digest))
        client.delete(names.fence(record.digest[0] % SHARDS))
    assert kind(read(record)) == "unpublished"
    store.lead()  # raises the fences, as any publisher does first
    assert store.stores.leadership.number
    store.begin()
    assert kind(read(record)) == "unpublished"
    store.put([record])
    store.complete()
    assert read(record) == record


def test_a_fence_of_another_publisher_than_the_one_that_vouches_is_not_enough(
    read: Read, store: HandPublisher, redis_settings: RedisSettings, names: Names
) -> None:
    store.begin()
    store.complete()
    absent = issue()[1]
    assert read(absent) is None
    store.stores.leadership.release()
    other = HandPublisher(connect(redis_settings), names)
    other.lead()
    assert kind(read(issue()[1])) == "unpublished"
    other.state = store.state
    other.complete()
    assert read(issue()[1]) is None
    other.close()


@pytest.fixture
def metrics() -> SidecarMetrics:
    return SidecarMetrics(CollectorRegistry())
