"""Who may publish, on real Redis: one at a time, and nobody who was deposed."""

from collections.abc import Callable, Iterator

import pytest

from extauth.keys.record import Version
from extauth.settings.redis import RedisSettings
from extauth.store.client import connect
from extauth.store.leadership import DeposedError
from extauth.store.names import SHARDS, Names
from extauth.store.publishing import PublishingStores
from tests.support.keys import issue
from tests.support.publishing import stored
from tests.support.redis_server import RedisServer
from tests.support.wait import wait_until

MINUTE = 60.0
Make = Callable[..., PublishingStores]


@pytest.fixture
def make(redis_settings: RedisSettings, names: Names) -> Iterator[Make]:
    made: list[PublishingStores] = []

    def make(seconds: float = MINUTE) -> PublishingStores:
        made.append(PublishingStores.on(connect(redis_settings), names, f"replica-{len(made)}", seconds))
        return made[-1]

    yield make
    for stores in made:
        stores.leadership.close()


def end_lease(redis_server: RedisServer, names: Names) -> None:
    with redis_server.client() as client:
        client.hset(names.leader, "ends", 1)


def test_one_has_it_until_he_releases_it(make: Make) -> None:
    first, second = make().leadership, make().leadership
    assert first.take()
    assert not second.take()
    assert second.number == 0
    number = first.number
    assert first.take()
    assert first.number == number
    first.release()
    assert second.take()
    assert second.number > number
    assert not first.take()


def test_releasing_what_is_anothers_changes_nothing(make: Make, redis_server: RedisServer, names: Names) -> None:
    first, second, third = (make().leadership for _ in range(3))
    first.take()
    end_lease(redis_server, names)
    second.take()
    first.release()
    assert not third.take()
    assert second.take()


def test_it_ends_by_itself(make: Make) -> None:
    first, second = make(seconds=0.2).leadership, make().leadership
    first.take()
    wait_until(second.take)


def test_whoever_comes_late_but_before_anyone_else_keeps_it(
    make: Make, redis_server: RedisServer, names: Names
) -> None:
    leader = make().leadership
    leader.take()
    number = leader.number
    end_lease(redis_server, names)
    assert leader.take()
    assert leader.number == number


def test_the_number_grows_even_when_redis_has_lost_everything(make: Make, redis_server: RedisServer) -> None:
    first, second = make().leadership, make().leadership
    first.take()
    with redis_server.client() as client:
        client.flushall()
    assert second.take()
    assert second.number > first.number


def test_the_number_grows_when_the_clock_went_back(make: Make, redis_server: RedisServer, names: Names) -> None:
    leader = make().leadership
    in_a_year = 2_000_000_000_000_000
    with redis_server.client() as client:
        client.hset(names.leader, mapping={"number": in_a_year, "ends": in_a_year + 1, "holder": "dead"})
    assert leader.take(), "an end so far away was written by a clock that was wrong"
    assert leader.number == in_a_year + 1


def test_the_holder_is_told(make: Make, redis_server: RedisServer, names: Names) -> None:
    make().leadership.take()
    with redis_server.client() as client:
        assert client.hget(names.leader, "holder") == b"replica-0"


def test_admission_tells_whether_a_fence_was_lost(make: Make, redis_server: RedisServer, names: Names) -> None:
    leader = make().leadership
    leader.take()
    assert not leader.admit()
    assert leader.admit()
    with redis_server.client() as client:
        client.delete(names.fence(SHARDS - 1))
    assert not leader.admit()
    assert leader.admit()


@pytest.fixture
def deposed(make: Make, redis_server: RedisServer, names: Names) -> PublishingStores:
    """A leader that was paused, and has not noticed that another one leads."""
    stores, successor = make(), make()
    for one in (stores, successor):
        end_lease(redis_server, names)
        one.leadership.take()
        one.leadership.admit()
    return stores


def everything(redis_server: RedisServer) -> dict[bytes, bytes | None]:
    with redis_server.client() as client:
        return {name: client.dump(name) for name in client.scan_iter()}


def test_a_deposed_publisher_changes_nothing(
    deposed: PublishingStores, redis_server: RedisServer, make: Make, names: Names
) -> None:
    newest = make()
    end_lease(redis_server, names)
    newest.leadership.take()
    newest.leadership.admit()
    state = newest.publication.begin(Version(1, 0))
    newest.records.put([issue()[1]])
    ((seen,),) = (newest.records.read(page) for page in newest.records.ids() if page)
    before = everything(redis_server)
    attempts: tuple[Callable[[], object], ...] = (
        lambda: deposed.records.put([issue()[1]]),
        lambda: deposed.records.remove(seen),
        lambda: deposed.publication.announce(state, state),
        lambda: deposed.publication.begin(Version(1, 0)),
        deposed.leadership.admit,
    )
    for attempt in attempts:
        with pytest.raises(DeposedError):
            attempt()
    assert everything(redis_server) == before


def test_a_deposed_publisher_is_refused_in_every_shard(deposed: PublishingStores) -> None:
    for _ in range(200):  # more than enough to meet most shards
        with pytest.raises(DeposedError):
            deposed.records.put([issue()[1]])
    assert stored(deposed) == []


def test_nothing_is_written_into_a_redis_that_lost_the_fence(make: Make, redis_server: RedisServer) -> None:
    stores = make()
    stores.leadership.take()
    stores.leadership.admit()
    state = stores.publication.begin(Version(1, 0))
    with redis_server.client() as client:
        client.flushall()
    for attempt in (
        lambda: stores.records.put([issue()[1]]),
        lambda: stores.publication.announce(state, state),
        lambda: stores.publication.begin(Version(1, 0)),
    ):
        with pytest.raises(DeposedError):
            attempt()
    assert everything(redis_server) == {}
