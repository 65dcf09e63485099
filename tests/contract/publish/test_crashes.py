"""What a publisher left half done, the next one finishes."""

import pytest

from extauth.publish import comparison
from extauth.registry.database import Database
from extauth.registry.history import History
from extauth.registry.operations import KeyRegistry
from extauth.store.names import Names
from tests.support.keys import PEPPER, issue
from tests.support.publisher_replica import Make, create, feed
from tests.support.redis_server import RedisServer


def test_a_new_publisher_resumes_where_the_last_one_stopped(
    registry: KeyRegistry, make: Make, redis_server: RedisServer, names: Names
) -> None:
    first, second = make(), make()
    create(registry)
    first.publish()
    before = first.state
    first.stores.leadership.release()
    create(registry)
    second.publish()
    assert second.state.instance == before.instance
    assert feed(redis_server, names) == [2]
    assert second.restarts() == {}


def test_an_announcement_that_a_crash_prevented_is_made_up_for(
    registry: KeyRegistry, make: Make, database: Database, redis_server: RedisServer, names: Names
) -> None:
    first, second = make(), make()
    first.publish()
    create(registry)
    # The crash: the record has been written, the feed does not tell of it.
    first.stores.records.put([change.record for change in History(database).changes_after(0, 10)])
    first.stores.leadership.release()
    second.publish()
    assert feed(redis_server, names) == [1]


def test_a_repair_that_was_not_announced_is_announced_by_the_next_one(
    registry: KeyRegistry,
    make: Make,
    redis_server: RedisServer,
    names: Names,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(comparison, "CHUNK", 2)
    issued = sorted((create(registry) for _ in range(5)), key=lambda one: one.key.id)
    first, second = make(), make()
    first.publish()
    with redis_server.client() as client:
        client.delete(*(names.record("p1", PEPPER.digest(one.secret)) for one in issued[2:4]))
    writer_of_first = first.publisher._writer
    writer_of_first._is_urgent = True
    while first.state.compared in {"", comparison.START}:  # up to the first chunk, which is right
        first.publisher.step()
    monkeypatch.setattr(writer_of_first, "_announce", lambda *_: None)  # the crash: after the write of the second
    first.publisher.step()
    assert len(first.in_redis()) == 5
    first.stores.leadership.release()
    assert feed(redis_server, names) == []
    second.compare()
    assert sorted(feed(redis_server, names)) == sorted(one.key.revision for one in issued[2:4])


def test_a_removal_that_was_not_announced_makes_the_next_one_begin_anew(
    registry: KeyRegistry, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(registry)
    first, second = make(), make()
    first.publish()
    _, stranger = issue(revision=1)
    first.stores.records.put([stranger])

    def crash(*_: object) -> bool:
        raise InterruptedError

    monkeypatch.setattr(type(first.stores.records), "remove", crash)
    with pytest.raises(InterruptedError):
        first.compare()
    monkeypatch.undo()
    before = first.state
    first.stores.leadership.release()
    second.publish()
    assert second.state.instance != before.instance
    assert second.state.complete
    assert second.restarts() == {"cut_short": 1}
    assert stranger.key_id not in second.in_redis()


def test_a_publication_that_was_not_complete_is_continued(
    registry: KeyRegistry, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "CHUNK", 1)
    for _ in range(6):
        create(registry)
    first, second = make(), make()
    for _ in range(4):
        first.publisher.step()
    before, written = first.state, first.count("written")
    assert not before.complete
    assert 0 < written < 6
    first.stores.leadership.release()
    second.publish()
    assert second.state.instance == before.instance
    assert second.state.complete
    assert second.count("written") == 6 - written
