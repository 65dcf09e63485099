"""Of several publishers one publishes, and the others tell how far behind it is."""

from pathlib import Path

from extauth.registry.database import Database
from extauth.registry.operations import KeyRegistry
from extauth.settings.redis import RedisSettings
from extauth.store.names import Names
from tests.support.publisher_replica import Make, Replica, create
from tests.support.redis_server import RedisServer
from tests.support.sqlite import copy, rename_table
from tests.support.wait import wait_until


def test_one_publishes_and_another_stands_by(registry: KeyRegistry, make: Make) -> None:
    first, second = make(), make()
    create(registry)
    first.publish()
    before = first.state
    second.publish()
    assert (first.publisher.is_leading, second.publisher.is_leading) == (True, False)
    assert not second.publisher.is_up_to_date
    assert first.state.instance == before.instance
    assert second.gauge("revision") == 1


def test_both_start_at_once_and_one_publication_is_made(registry: KeyRegistry, make: Make) -> None:
    create(registry)
    replicas = [make() for _ in range(4)]
    for replica in replicas:
        replica.publisher.start()
    wait_until(lambda: any(replica.publisher.is_up_to_date for replica in replicas))
    assert [sum(replica.restarts().values()) for replica in replicas if replica.restarts()] == [1]
    for replica in replicas:
        replica.publisher.stop(timeout=5)


def test_a_clean_stop_hands_over_at_once(registry: KeyRegistry, make: Make) -> None:
    first, second = make(), make()  # with leases of a minute
    first.publisher.start()
    wait_until(lambda: first.publisher.is_up_to_date)
    second.publisher.start()
    wait_until(lambda: second.publisher.fault() is None)  # it has looked, and stands by
    first.publisher.stop(timeout=5)
    wait_until(lambda: second.publisher.is_up_to_date)
    issued = create(registry)
    wait_until(lambda: issued.key.id in second.in_redis())
    second.publisher.stop(timeout=5)


def test_a_lease_that_was_not_renewed_is_taken_over(registry: KeyRegistry, make: Make) -> None:
    first, second = make(lease=0.5), make()
    first.publish()
    second.publisher.start()
    issued = create(registry)
    wait_until(lambda: issued.key.id in second.in_redis())
    assert not first.publisher.is_leading
    create(registry)
    first.publisher.step()
    assert first.gauge("leading") == 0
    assert second.gauge("leading") == 1
    second.publisher.stop(timeout=5)


def test_whoever_cannot_read_the_registry_lets_another_one_lead(
    registry: KeyRegistry, make: Make, redis_settings: RedisSettings, names: Names, tmp_path: Path
) -> None:
    copy(tmp_path / "registry.db", tmp_path / "other.db")
    other = Database(f"sqlite:///{tmp_path / 'other.db'}")
    first, second = Replica(other, redis_settings, names), make()
    first.publisher.start()
    wait_until(lambda: first.publisher.is_up_to_date)
    rename_table(tmp_path / "other.db", "registry", "away")
    wait_until(lambda: first.gauge("leading") == 0)
    second.publisher.start()
    wait_until(lambda: second.publisher.is_up_to_date)
    assert first.publisher.fault() is not None
    for replica in (first, second):
        replica.publisher.stop(timeout=5)
    other.close()


def test_lag_is_the_age_of_the_oldest_change_that_is_not_published(registry: KeyRegistry, make: Make) -> None:
    first, second = make(), make()
    first.publish()
    second.publish()
    assert second.gauge("lag") == second.gauge("behind") == 0
    for _ in range(3):
        create(registry)
    wait_until(lambda: second.publisher.step() > 0 and second.gauge("lag") > 0.05)
    assert second.gauge("behind") == 3
    first.publish()
    second.publish()
    assert first.gauge("lag") == second.gauge("lag") == second.gauge("behind") == 0


def test_lag_grows_while_redis_is_away_or_not_complete(
    registry: KeyRegistry, make: Make, redis_server: RedisServer
) -> None:
    replica = make()
    replica.publisher.start()
    wait_until(lambda: replica.publisher.is_up_to_date)
    redis_server.kill()
    create(registry)
    wait_until(lambda: replica.gauge("lag") > 0.3)
    assert replica.gauge("behind") == 1
    redis_server.start()
    wait_until(lambda: replica.publisher.is_up_to_date and replica.gauge("lag") == 0)
    replica.publisher.stop(timeout=5)
