"""Following the change feed on real Redis: what changed leaves the near cache, and nothing old comes back."""

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from extauth.keys.record import KeyRecord, Status, Version
from extauth.keys.token import generate
from extauth.settings.redis import RedisSettings
from extauth.store.client import connect
from extauth.store.feed import FeedFollower
from extauth.store.names import Names
from extauth.store.near_cache import NearCache
from extauth.telemetry.sidecar_metrics import SidecarMetrics
from tests.support.keys import issue, record_of
from tests.support.publishing import HandPublisher
from tests.support.redis_server import RedisServer
from tests.support.wait import wait_until


@pytest.fixture
def follower(
    redis_settings: RedisSettings, names: Names, cache: NearCache, metrics: SidecarMetrics
) -> Iterator[FeedFollower]:
    client = connect(redis_settings)
    yield FeedFollower(client, names, cache, metrics)
    client.close()


@pytest.fixture
def publication(store: HandPublisher) -> HandPublisher:
    """A complete, empty publication."""
    store.begin()
    store.complete()
    return store


def remember(cache: NearCache, record: KeyRecord) -> None:
    assert cache.end_read(record.digest, cache.begin_read(record.digest), record, time.monotonic())


def resyncs(metrics: SidecarMetrics) -> dict[str, float]:
    samples = next(iter(metrics.feed_resyncs.collect())).samples
    return {sample.labels["cause"]: sample.value for sample in samples if sample.name.endswith("_total")}


def test_nothing_is_confirmed_before_everything_has_been_published(
    follower: FeedFollower, store: HandPublisher, cache: NearCache
) -> None:
    follower.follow_once()
    assert not follower.has_followed
    store.begin()
    follower.follow_once()
    assert not follower.has_followed
    store.complete()
    follower.follow_once()
    assert follower.has_followed
    assert cache.confirmed_age(time.monotonic()) < 5


def test_a_changed_key_leaves_the_cache(follower: FeedFollower, publication: HandPublisher, cache: NearCache) -> None:
    token = generate("test")
    record, other = record_of(token, 1), issue(2)[1]
    follower.follow_once()
    remember(cache, record)
    remember(cache, other)
    publication.tell(record_of(token, 3, status=Status.REVOKED))
    follower.follow_once()
    assert cache.get(record.digest) is None
    assert cache.get(other.digest) is not None


def test_a_state_that_is_known_already_stays(
    follower: FeedFollower, publication: HandPublisher, cache: NearCache
) -> None:
    _, record = issue(3)
    follower.follow_once()
    remember(cache, record)
    publication.tell(record)
    follower.follow_once()
    assert cache.get(record.digest) is not None


def test_a_record_read_while_it_was_revoked_is_not_kept(
    follower: FeedFollower, publication: HandPublisher, cache: NearCache
) -> None:
    token = generate("test")
    old = record_of(token, 1)
    follower.follow_once()
    generation = cache.begin_read(old.digest)
    publication.tell(record_of(token, 2, status=Status.REVOKED))
    follower.follow_once()
    assert not cache.end_read(old.digest, generation, old, time.monotonic())
    assert cache.get(old.digest) is None


def test_the_absence_of_a_key_read_while_it_was_made_is_not_kept(
    follower: FeedFollower, publication: HandPublisher, cache: NearCache
) -> None:
    _, record = issue(1)
    follower.follow_once()
    generation = cache.begin_read(record.digest)
    publication.tell(record)
    follower.follow_once()
    assert not cache.end_read(record.digest, generation, None, time.monotonic())


def test_a_key_that_was_known_to_be_absent_is_looked_up_again_once_it_is_made(
    follower: FeedFollower, publication: HandPublisher, cache: NearCache
) -> None:
    _, record = issue(1)
    follower.follow_once()
    cache.end_read(record.digest, cache.begin_read(record.digest), None, time.monotonic())
    publication.tell(record)
    follower.follow_once()
    assert cache.get(record.digest) is None


def test_more_news_than_one_read_brings_is_all_applied(
    follower: FeedFollower, publication: HandPublisher, cache: NearCache, metrics: SidecarMetrics
) -> None:
    follower.follow_once()
    records = [issue(revision)[1] for revision in range(1, 1502)]
    for record in records[:3] + records[-3:]:
        remember(cache, record)
    newer = [replace(record, version=Version(1, 9999)) for record in records]
    publication.put(newer)
    for start in range(0, len(newer), 500):
        publication.announce(*newer[start : start + 500])
    follower.follow_once()
    follower.follow_once()
    assert len(cache) == 0
    assert resyncs(metrics) == {"start": 1}


def test_a_feed_with_a_missing_entry_clears_the_cache(
    follower: FeedFollower,
    publication: HandPublisher,
    cache: NearCache,
    metrics: SidecarMetrics,
    redis_server: RedisServer,
    names: Names,
) -> None:
    follower.follow_once()
    _, bystander = issue(1)
    remember(cache, bystander)
    publication.tell(issue(2)[1], issue(3)[1])
    with redis_server.client() as client:
        client.xdel(names.changes, client.xrange(names.changes, count=1)[0][0])
    follower.follow_once()
    assert len(cache) == 0
    assert resyncs(metrics) == {"start": 1, "gap": 1}


def test_an_entry_that_cannot_be_read_clears_the_cache(
    follower: FeedFollower,
    publication: HandPublisher,
    cache: NearCache,
    metrics: SidecarMetrics,
    redis_server: RedisServer,
    names: Names,
) -> None:
    follower.follow_once()
    remember(cache, issue(1)[1])
    with redis_server.client() as client:
        client.xadd(names.changes, {"number": "one", "digest": "zz"})
    follower.follow_once()
    assert len(cache) == 0
    assert resyncs(metrics) == {"start": 1, "gap": 1}


def test_a_publication_that_cannot_be_read_is_none(
    follower: FeedFollower, publication: HandPublisher, redis_server: RedisServer, names: Names
) -> None:
    with redis_server.client() as client:
        client.hset(names.state, "number", "many")
    follower.follow_once()
    assert not follower.has_followed


def test_entries_that_were_promised_and_never_come_clear_the_cache(
    follower: FeedFollower,
    publication: HandPublisher,
    cache: NearCache,
    metrics: SidecarMetrics,
    redis_server: RedisServer,
    names: Names,
) -> None:
    follower.follow_once()
    remember(cache, issue(1)[1])
    publication.tell(issue(2)[1])
    with redis_server.client() as client:
        client.xtrim(names.changes, maxlen=0)
    follower.follow_once()
    follower.follow_once()
    assert len(cache) == 0
    assert resyncs(metrics) == {"start": 1, "gap": 1}


def test_a_redis_that_was_rolled_back_clears_the_cache(
    follower: FeedFollower,
    publication: HandPublisher,
    cache: NearCache,
    metrics: SidecarMetrics,
    redis_server: RedisServer,
    names: Names,
) -> None:
    publication.tell(issue(2)[1], issue(3)[1])
    follower.follow_once()
    remember(cache, issue(1)[1])
    with redis_server.client() as client:
        client.hset(names.state, "number", 1)
    follower.follow_once()
    assert len(cache) == 0
    assert resyncs(metrics) == {"start": 1, "rolled_back": 1}


def test_a_new_publication_clears_the_cache(
    follower: FeedFollower, store: HandPublisher, publication: HandPublisher, cache: NearCache, metrics: SidecarMetrics
) -> None:
    follower.follow_once()
    remember(cache, issue(1)[1])
    store.begin()
    store.complete()
    follower.follow_once()
    assert len(cache) == 0
    assert resyncs(metrics) == {"start": 1, "republished": 1}


def test_while_redis_is_empty_the_cache_is_kept_but_no_longer_confirmed(
    follower: FeedFollower,
    store: HandPublisher,
    publication: HandPublisher,
    cache: NearCache,
    metrics: SidecarMetrics,
    redis_server: RedisServer,
) -> None:
    follower.follow_once()
    _, record = issue(1)
    remember(cache, record)
    confirmed = cache.confirmed_age(0)
    with redis_server.client() as client:
        client.flushall()
    follower.follow_once()
    follower.follow_once()
    assert cache.get(record.digest) is not None
    assert cache.confirmed_age(0) == confirmed
    store.begin()
    store.complete()
    follower.follow_once()
    assert len(cache) == 0
    assert resyncs(metrics) == {"start": 1, "republished": 1}


def test_the_thread_follows_by_itself_and_outlives_a_dead_redis(
    redis_settings: RedisSettings,
    names: Names,
    cache: NearCache,
    metrics: SidecarMetrics,
    store: HandPublisher,
    publication: HandPublisher,
    redis_server: RedisServer,
) -> None:
    follower = FeedFollower(connect(redis_settings), names, cache, metrics)
    follower.start()
    wait_until(lambda: follower.has_followed)
    assert follower.fault() is None
    redis_server.kill()
    wait_until(lambda: follower.fault() is not None)
    redis_server.start()
    store.begin()
    store.complete()
    wait_until(lambda: follower.fault() is None)
    follower.stop(timeout=5)
    assert resyncs(metrics) == {"start": 1, "republished": 1}
