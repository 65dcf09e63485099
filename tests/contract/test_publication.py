"""Writing records, the feed and the state, on real Redis."""

from extauth.keys.record import KeyRecord, Status, Version
from extauth.keys.token import generate
from extauth.store.names import Names
from extauth.store.publication import PRESENT, REFUSED, WRITTEN, Announcement, PublicationStore
from tests.support.keys import issue, record_of
from tests.support.redis_server import RedisServer


def stored(store: PublicationStore) -> list[KeyRecord]:
    return [record for page in store.stored() for record in page]


def test_a_newer_state_replaces_an_older_one_and_never_the_reverse(store: PublicationStore) -> None:
    token = generate("test")
    old, new = record_of(token, 5), record_of(token, 6, status=Status.REVOKED)
    assert store.put([old]) == [WRITTEN]
    assert store.put([old]) == [PRESENT]
    assert store.put([new]) == [WRITTEN]
    assert store.put([old]) == [REFUSED]
    assert stored(store) == [new]


def test_a_later_epoch_wins_over_any_revision_of_an_earlier_one(store: PublicationStore) -> None:
    token = generate("test")
    assert store.put([record_of(token, 900, epoch=1)]) == [WRITTEN]
    restored = record_of(token, 3, epoch=2)
    assert store.put([restored]) == [WRITTEN]
    assert store.put([record_of(token, 901, epoch=1)]) == [REFUSED]
    assert stored(store) == [restored]


def test_one_call_writes_many_records_and_says_what_became_of_each(store: PublicationStore) -> None:
    first, second, third = (issue(revision)[1] for revision in (1, 2, 3))
    assert store.put([first, second]) == [WRITTEN, WRITTEN]
    assert store.put([first, third, second]) == [PRESENT, WRITTEN, PRESENT]
    assert sorted(record.version.revision for record in stored(store)) == [1, 2, 3]


def test_garbage_in_place_of_a_record_is_overwritten(
    store: PublicationStore, redis_server: RedisServer, names: Names
) -> None:
    _, record = issue()
    with redis_server.client() as client:
        client.set(names.record(record.pepper_id, record.digest), b"not a record")
    assert stored(store) == []
    assert store.put([record]) == [WRITTEN]
    assert stored(store) == [record]


def test_remove_takes_only_the_state_that_was_seen(store: PublicationStore) -> None:
    token = generate("test")
    old, new = record_of(token, 1), record_of(token, 2)
    store.put([new])
    assert not store.remove(old)
    assert store.remove(new)
    assert stored(store) == []


def test_an_announcement_moves_the_state_on_and_numbers_the_feed(
    store: PublicationStore, redis_server: RedisServer, names: Names
) -> None:
    state = store.begin(epoch=1)
    assert store.announce(
        state, 2, [Announcement(b"a" * 32, Version(1, 1), 10), Announcement(b"b" * 32, Version(1, 2), 20)]
    )
    published = store.state()
    assert published is not None
    assert (published.instance, published.revision, published.complete) == (state.instance, 2, False)
    with redis_server.client() as client:
        entries = client.xrange(names.changes)
    assert [(entry[b"number"], entry[b"digest"], entry[b"revision"]) for _, entry in entries] == [
        (b"1", (b"a" * 32).hex().encode(), b"1"),
        (b"2", (b"b" * 32).hex().encode(), b"2"),
    ]


def test_nobody_announces_into_a_publication_that_is_not_his(store: PublicationStore) -> None:
    mine = store.begin(epoch=1)
    store.begin(epoch=1)
    assert not store.announce(mine, 1, [])


def test_nobody_announces_into_a_state_that_was_rolled_back(
    store: PublicationStore, redis_server: RedisServer, names: Names
) -> None:
    state = store.begin(epoch=1)
    store.announce(state, 10, [])
    moved = store.state()
    assert moved is not None
    with redis_server.client() as client:
        client.hset(names.state, "revision", 7)  # as after a failover to a replica that lagged
    assert not store.announce(moved, 11, [])


def test_the_state_is_gone_with_the_data(store: PublicationStore, redis_server: RedisServer) -> None:
    state = store.begin(epoch=1)
    with redis_server.client() as client:
        client.flushall()
    assert store.state() is None
    assert not store.announce(state, 1, [])


def test_no_digest_pepper_or_secret_is_written_that_would_let_anyone_use_the_key(
    store: PublicationStore, redis_server: RedisServer
) -> None:
    text, record = issue()
    store.put([record])
    secret = text.rpartition("_")[2].encode()
    with redis_server.client() as client:
        names_and_values = [(name, client.get(name)) for name in client.scan_iter()]
    assert names_and_values
    assert all(secret[:12] not in name + (value or b"") for name, value in names_and_values)


def test_text_outside_ascii_survives(store: PublicationStore) -> None:
    _, record = issue(metadata={"team": "überweisung"}, name="Schlüssel")
    store.put([record])
    assert stored(store) == [record]
