"""The near cache by itself; the feed's part of it is in tests/contract/test_feed.py."""

from dataclasses import replace

from extauth.keys.record import KeyRecord, Version
from extauth.store.near_cache import MOST_TOLD, Freshness, NearCache
from tests.support.keys import issue


def cache_of(size: int = 10) -> NearCache:
    return NearCache(size, Freshness(max_staleness=5, max_stale=60, negative=2))


def put(cache: NearCache, record: KeyRecord, now: float = 0) -> bytes:
    assert cache.end_read(record.digest, cache.begin_read(record.digest), record, now)
    return record.digest


def test_an_entry_is_current_for_a_while_after_it_was_read() -> None:
    cache = cache_of()
    entry = cache.get(put(cache, issue()[1], now=100))
    assert entry is not None
    assert cache.is_current(entry, 104.9)
    assert not cache.is_current(entry, 105)


def test_the_feed_keeps_an_entry_current() -> None:
    cache = cache_of()
    entry = cache.get(put(cache, issue()[1], now=100))
    assert entry is not None
    cache.confirm(200)
    assert cache.is_current(entry, 204)
    assert not cache.is_current(entry, 206)


def test_an_entry_may_serve_stale_within_its_bound() -> None:
    cache = cache_of()
    entry = cache.get(put(cache, issue()[1], now=100))
    assert entry is not None
    assert cache.may_serve_stale(entry, 159)
    assert not cache.may_serve_stale(entry, 160)


def test_absence_is_remembered_while_the_feed_would_tell_of_a_new_key() -> None:
    cache = cache_of()
    cache.end_read(b"d", cache.begin_read(b"d"), None, 100)
    entry = cache.get(b"d")
    assert entry is not None
    assert cache.is_current(entry, 101)
    assert not cache.is_current(entry, 103)
    cache.confirm(103)
    assert cache.is_current(entry, 104)


def test_it_never_holds_more_than_its_size() -> None:
    cache = cache_of(size=100)
    for _ in range(1000):
        put(cache, issue()[1])
    assert len(cache) == 100


def test_entries_in_use_outlive_a_flood_of_others() -> None:
    cache = cache_of(size=50)
    used = [put(cache, issue()[1]) for _ in range(20)]
    for _ in range(500):
        put(cache, issue()[1])
        assert all(cache.get(digest) is not None for digest in used)


def test_it_can_be_full_of_entries_in_use() -> None:
    cache = cache_of(size=5)
    for _ in range(5):
        cache.get(put(cache, issue()[1]))
    newest = put(cache, issue()[1])
    assert len(cache) == 5
    assert cache.get(newest) is not None


def test_a_read_from_before_a_clearing_is_not_kept() -> None:
    cache = cache_of()
    _, record = issue()
    generation = cache.begin_read(record.digest)
    cache.clear()
    assert not cache.end_read(record.digest, generation, record, 0)
    assert cache.get(record.digest) is None


def test_a_read_that_is_as_new_as_the_change_is_kept() -> None:
    cache = cache_of()
    _, record = issue(revision=5)
    generation = cache.begin_read(record.digest)
    cache.change(record.digest, Version(1, 5))
    assert cache.end_read(record.digest, generation, record, 0)


def test_of_two_changes_during_a_read_the_later_counts() -> None:
    cache = cache_of()
    _, record = issue(revision=5)
    generation = cache.begin_read(record.digest)
    cache.change(record.digest, Version(1, 6))
    cache.change(record.digest, Version(1, 4))
    assert not cache.end_read(record.digest, generation, record, 0)


def test_a_failed_read_leaves_what_was_known() -> None:
    cache = cache_of()
    _, record = issue()
    put(cache, record)
    cache.begin_read(record.digest)
    cache.abandon_read(record.digest)
    assert cache.get(record.digest) is not None


def test_a_change_counts_for_every_read_that_is_under_way() -> None:
    cache = cache_of()
    _, record = issue(revision=5)
    first, second = cache.begin_read(record.digest), cache.begin_read(record.digest)
    cache.change(record.digest, Version(1, 6))
    assert not cache.end_read(record.digest, first, record, 0)
    assert not cache.end_read(record.digest, second, record, 0)
    later = cache.begin_read(record.digest)
    assert cache.end_read(record.digest, later, replace(record, version=Version(1, 6)), 0)


def test_no_state_older_than_what_was_told_is_ever_taken() -> None:
    """As of a replica that was behind when it was promoted, or of a database that was restored."""
    cache = cache_of()
    _, record = issue(revision=5)
    cache.change(record.digest, Version(1, 6))
    cache.clear()
    assert not cache.end_read(record.digest, cache.begin_read(record.digest), record, 0)
    assert cache.get(record.digest) is None
    new_epoch = replace(record, version=Version(2, 1))
    assert cache.end_read(record.digest, cache.begin_read(record.digest), new_epoch, 0)


def test_what_was_told_is_remembered_of_so_many_keys() -> None:
    cache = cache_of()
    for number in range(MOST_TOLD + 10):
        cache.change(number.to_bytes(4, "big"), Version(1, 1))
    assert len(cache._told) == MOST_TOLD


def test_a_change_during_a_read_counts_however_many_others_were_told_meanwhile() -> None:
    cache = cache_of()
    _, record = issue()
    generation = cache.begin_read(record.digest)
    cache.change(record.digest, Version(record.version.epoch, record.version.revision + 1))
    for number in range(MOST_TOLD):
        cache.change(number.to_bytes(4), record.version)
    assert not cache.end_read(record.digest, generation, record, 100)
