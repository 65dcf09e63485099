"""The state and the feed, on real Redis."""

from dataclasses import replace

from extauth.keys.record import Version
from extauth.store.names import Names
from extauth.store.publication import Announcement
from tests.support.keys import issue
from tests.support.publishing import HandPublisher
from tests.support.redis_server import RedisServer


def test_an_announcement_moves_the_state_on_and_numbers_the_feed(
    store: HandPublisher, redis_server: RedisServer, names: Names
) -> None:
    state = store.begin()
    entries = [Announcement(b"a" * 32, Version(1, 1), 10), Announcement(b"b" * 32, Version(1, 2), 20)]
    moved = replace(state, revision=2, mark="of two", compared="records:x", compared_at=7)
    returned = store.stores.publication.announce(state, moved, entries)
    published = store.stores.publication.state()
    assert published == returned == replace(moved, number=2)
    with redis_server.client() as client:
        feed = client.xrange(names.changes)
    assert [(entry[b"number"], entry[b"digest"], entry[b"revision"]) for _, entry in feed] == [
        (b"1", (b"a" * 32).hex().encode(), b"1"),
        (b"2", (b"b" * 32).hex().encode(), b"2"),
    ]


def test_a_new_publication_begins_with_an_empty_feed(
    store: HandPublisher, redis_server: RedisServer, names: Names
) -> None:
    first = store.begin()
    store.tell(issue()[1])
    store.complete()
    second = store.begin(epoch=2, revision=5)
    assert second.instance != first.instance
    assert (second.version, second.number, second.complete) == (Version(2, 5), 0, False)
    with redis_server.client() as client:
        assert client.xlen(names.changes) == 0


def test_nobody_announces_into_a_publication_that_he_does_not_know(store: HandPublisher) -> None:
    before = store.begin()
    store.begin()
    assert store.stores.publication.announce(before, before) is None


def test_nobody_announces_into_a_state_that_was_rolled_back(
    store: HandPublisher, redis_server: RedisServer, names: Names
) -> None:
    store.begin()
    store.tell(issue()[1])
    state = store.tell(issue()[1])
    with redis_server.client() as client:
        client.hset(names.state, "number", 1)  # as after a failover to a replica that lagged
    assert store.stores.publication.announce(state, replace(state, revision=11)) is None


def test_the_state_is_gone_with_the_data(store: HandPublisher, redis_server: RedisServer) -> None:
    store.begin()
    with redis_server.client() as client:
        client.flushall()
    assert store.stores.publication.state() is None


def test_a_state_of_another_version_of_extauth_can_be_read(
    store: HandPublisher, redis_server: RedisServer, names: Names
) -> None:
    with redis_server.client() as client:
        client.hset(names.state, mapping={"instance": "abc", "epoch": 1, "revision": 5, "later": "x"})
    state = store.stores.publication.state()
    assert state is not None
    assert (state.version, state.complete, state.mark) == (Version(1, 5), False, "")
