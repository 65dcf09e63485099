"""A registry that was restored: nothing is published before somebody says so, nothing revoked comes back."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from extauth.keys.record import Status, Version
from extauth.publish.errors import DivergedError
from extauth.registry import schema
from extauth.registry.database import Database
from extauth.registry.operations import KeyRegistry
from tests.support.keys import issue
from tests.support.publisher_replica import Make, Replica, create
from tests.support.sqlite import copy


def raise_epoch(database: Database, **values: int) -> None:
    with database.write() as connection:
        connection.execute(update(schema.registry).values(**values))


def test_a_new_epoch_is_published_anew(registry: KeyRegistry, replica: Replica, database: Database) -> None:
    issued = create(registry)
    replica.publish()
    before = replica.state
    raise_epoch(database, epoch=2)
    replica.publish()
    assert replica.state.instance != before.instance
    assert replica.state.version == Version(2, 1)
    assert replica.in_redis()[issued.key.id].version == Version(2, 1)
    assert replica.restarts() == {"empty": 1, "epoch": 1}


def test_what_was_revoked_in_an_earlier_epoch_stays_revoked_known_or_not(
    registry: KeyRegistry, replica: Replica, database: Database
) -> None:
    issued = create(registry)
    replica.publish()
    _, unknown_revoked = issue(revision=1, status=Status.REVOKED)
    _, unknown_active = issue(revision=1)
    revoked_since = replace(replica.in_redis()[issued.key.id], version=Version(1, 7), status=Status.REVOKED)
    replica.stores.records.put([unknown_revoked, unknown_active, revoked_since])
    raise_epoch(database, epoch=2)
    replica.publish()
    found = replica.in_redis()
    assert found.keys() == {issued.key.id, unknown_revoked.key_id}
    assert {record.status for record in found.values()} == {Status.REVOKED}
    assert replica.count("refused") == 1


@pytest.mark.parametrize("writes_since", [0, 2, 5])
def test_a_registry_that_went_back_is_not_published(
    registry: KeyRegistry, make: Make, database: Database, tmp_path: Path, writes_since: int
) -> None:
    first, second = make(), make()
    create(registry)
    copy(tmp_path / "registry.db", tmp_path / "backup.db")
    lost = [create(registry) for _ in range(3)]
    first.publish()
    database.close()
    copy(tmp_path / "backup.db", tmp_path / "registry.db")
    for _ in range(writes_since):
        create(registry)
    before = first.in_redis()
    for replica in (first, second):
        replica.publisher._writer.forget()
        with pytest.raises(DivergedError, match="new-epoch"):
            replica.publish()
        replica.publisher._round()
        assert "new-epoch" in str(replica.publisher.fault())
        assert replica.metrics.errors.labels("diverged")._value.get() == 1
    assert first.in_redis() == before
    assert {one.key.id for one in lost} < before.keys()
    raise_epoch(database, epoch=2)
    first.publish()
    assert len(first.in_redis()) == 1 + writes_since


def test_an_epoch_that_went_back_is_not_published(registry: KeyRegistry, replica: Replica, database: Database) -> None:
    create(registry)
    raise_epoch(database, epoch=3)
    replica.publish()
    raise_epoch(database, epoch=2, revision=100)
    with pytest.raises(DivergedError):
        replica.publish()
