"""Publishers killed, paused and deposed at random points under write load: Redis equals the registry afterwards, no
key that was revoked comes back, no change is lost, usage is counted once. On each kind of database, with real Redis.
"""

import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import redis

from extauth.registry.database import Database
from extauth.registry.history import History
from extauth.settings.redis import RedisSettings
from extauth.store.names import Names
from extauth.store.publication import read_state
from tests.faults import truth
from tests.faults.load import Load
from tests.faults.observer import Observer
from tests.faults.replicas import Replicas
from tests.support.keys import PEPPER
from tests.support.redis_server import RedisServer
from tests.support.wait import wait_until

LEASE = 0.25  # seconds
SEED = 20_261_122

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]


@dataclass
class Scene:
    """All that a test plays with."""

    database: Database
    client: redis.Redis
    names: Names
    replicas: Replicas
    load: Load
    observer: Observer

    def start(self, count: int) -> int:
        """Start replicas, and wait until one has begun to publish; the revision from which on it tells of changes."""
        for _ in range(count):
            self.replicas.start()
        wait_until(lambda: read_state(self.client, self.names))
        return History(self.database).revision()

    def lose_a_record(self, choice: random.Random) -> None:
        """Redis loses a record, as nothing should let it."""
        self.client.delete(self.names.record(PEPPER.id, choice.choice(self.load.digests)))

    def assert_all_is_well(self, since: int) -> None:
        truth.wait_until_published(self.database, self.client, self.names)
        truth.assert_equal(self.database, self.client, self.names)
        truth.assert_all_told(self.database, self.client, self.names, since)
        truth.assert_memory_is_true(self.observer, self.database, self.client, self.names)
        wait_until(lambda: self.client.xlen(self.names.usage) == 0)
        assert truth.usage_in_ledger(self.database) == self.load.batches
        assert self.observer.faults == []
        assert self.observer.revoked > 10


@pytest.fixture
def scene(
    database: Database,
    client: redis.Redis,
    names: Names,
    redis_settings: RedisSettings,
    replicas_with: Callable[..., Replicas],
) -> Iterator[Scene]:
    """A registry with keys, and nothing published yet."""
    load = Load(database, client, names, SEED)
    for _ in range(300):
        load.create()
    observer = Observer(redis_settings, names, lambda: load.digests)
    with observer:
        yield Scene(database, client, names, replicas_with(LEASE), load, observer)


def test_leaders_killed_200_times(scene: Scene) -> None:
    since = scene.start(2)
    choice = random.Random(SEED)
    leaders = set()
    with scene.load:
        number = 0
        for kill in range(200):
            number, process_id = scene.replicas.wait_for_successor(number)
            leaders.add(process_id)
            time.sleep(choice.uniform(0, 0.12))  # the random point
            if kill % 10 == 5:
                scene.lose_a_record(choice)
            scene.replicas.kill(process_id)
            scene.replicas.start()
    assert len(leaders) == 200
    assert scene.load.changes > 1000
    scene.assert_all_is_well(since)
    assert scene.observer.resyncs() == {"start": 1}


def test_leaders_paused_until_another_one_leads(scene: Scene) -> None:
    since = scene.start(3)
    choice = random.Random(SEED)
    with scene.load:
        number = 0
        for _ in range(40):
            number, process_id = scene.replicas.wait_for_successor(number)
            time.sleep(choice.uniform(0, 0.12))
            scene.replicas.signal(process_id, signal.SIGSTOP)
            scene.replicas.running.discard(process_id)  # not a successor of itself
            scene.replicas.wait_for_successor(number)
            time.sleep(choice.uniform(0, 0.05))
            scene.replicas.signal(process_id, signal.SIGCONT)
            scene.replicas.running.add(process_id)
    scene.assert_all_is_well(since)
    assert scene.observer.resyncs() == {"start": 1}


def test_redis_lost_all_ten_times_while_leaders_are_paused(scene: Scene, redis_server: RedisServer) -> None:
    scene.start(3)
    choice = random.Random(SEED)
    with scene.load:
        for _ in range(10):
            wait_until(lambda: is_complete(scene), seconds=30)
            _, process_id = scene.replicas.lease()
            time.sleep(choice.uniform(0, 0.2))
            scene.replicas.signal(process_id, signal.SIGSTOP)
            scene.client.flushall()  # at once, unlike a restart: what the paused one has sent finds an empty Redis
            scene.replicas.running.discard(process_id)
            scene.replicas.wait_for_successor(0)
            scene.replicas.signal(process_id, signal.SIGCONT)
            scene.replicas.running.add(process_id)
    truth.wait_until_published(scene.database, scene.client, scene.names)
    truth.assert_equal(scene.database, scene.client, scene.names)
    truth.assert_memory_is_true(scene.observer, scene.database, scene.client, scene.names)
    assert scene.observer.faults == []


def test_redis_killed_and_started_empty_five_times(scene: Scene, redis_server: RedisServer) -> None:
    scene.start(2)
    with scene.load:
        for _ in range(5):
            wait_until(lambda: is_complete(scene), seconds=30)
            redis_server.kill()
            redis_server.start()
    truth.wait_until_published(scene.database, scene.client, scene.names)
    truth.assert_equal(scene.database, scene.client, scene.names)
    truth.assert_memory_is_true(scene.observer, scene.database, scene.client, scene.names)
    assert scene.observer.faults == []


def test_a_leader_that_wakes_up_while_it_writes_changes_nothing(
    database: Database, client: redis.Redis, names: Names, replicas_with: Callable[..., Replicas]
) -> None:
    load, replicas = Load(database, client, names, SEED), replicas_with(lease=4, delay=0.5)
    paused = replicas.start()
    wait_until(lambda: is_published(client, names))
    load.create()
    replicas.wait_for_log(f"{paused} is about to write {load.ids[0]}")
    replicas.signal(paused, signal.SIGSTOP)
    replicas.running.discard(paused)
    replicas.start()
    number, successor = replicas.wait_for_successor(replicas.lease()[0])
    wait_until(lambda: load.digests[0] in truth.in_redis(client, names))
    replicas.signal(successor, signal.SIGSTOP)
    client.delete(names.record(PEPPER.id, load.digests[0]))  # what the paused one is about to write
    state = read_state(client, names)
    replicas.signal(paused, signal.SIGCONT)
    replicas.running.add(paused)
    replicas.wait_for_log("deposed")
    assert replicas.lease()[0] == number
    assert truth.in_redis(client, names) == {}
    assert read_state(client, names) == state
    replicas.signal(successor, signal.SIGCONT)
    wait_until(lambda: load.digests[0] in truth.in_redis(client, names))


def is_complete(scene: Scene) -> bool:
    return is_published(scene.client, scene.names)


def is_published(client: redis.Redis, names: Names) -> bool:
    state = read_state(client, names)
    return state is not None and state.complete
