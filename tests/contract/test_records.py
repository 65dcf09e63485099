"""Writing and removing records, on real Redis."""

from dataclasses import replace

import pytest

from extauth.keys.record import KeyRecord, Status
from extauth.keys.token import generate
from extauth.store.names import Names, RecordId
from extauth.store.records import PRESENT, REFUSED, RENEWED, WRITTEN, StoredRecord
from tests.support.keys import PEPPER, issue, record_of
from tests.support.publishing import HandPublisher
from tests.support.redis_server import RedisServer


def read(store: HandPublisher, record: KeyRecord) -> StoredRecord:
    (found,) = store.stores.records.read([RecordId(record.pepper_id, record.digest)])
    return found


def test_a_newer_state_replaces_an_older_one_and_never_the_reverse(store: HandPublisher) -> None:
    token = generate("test")
    old, new = record_of(token, 5), record_of(token, 6, status=Status.DISABLED)
    assert store.put([old]) == [WRITTEN]
    assert store.put([old]) == [PRESENT]
    assert store.put([new]) == [WRITTEN]
    assert store.put([old]) == [REFUSED]
    assert store.stored() == [new]


def test_a_later_epoch_wins_over_any_revision_of_an_earlier_one(store: HandPublisher) -> None:
    token = generate("test")
    assert store.put([record_of(token, 900, epoch=1)]) == [WRITTEN]
    restored = record_of(token, 3, epoch=2)
    assert store.put([restored]) == [WRITTEN]
    assert store.put([record_of(token, 901, epoch=1)]) == [REFUSED]
    assert store.stored() == [restored]


@pytest.mark.parametrize("status", [Status.ACTIVE, Status.DISABLED])
def test_nothing_follows_a_revocation_but_another_one(store: HandPublisher, status: Status) -> None:
    token = generate("test")
    store.put([record_of(token, 5, status=Status.REVOKED)])
    assert store.put([record_of(token, 6, status=status), record_of(token, 1, epoch=2, status=status)]) == [
        REFUSED,
        REFUSED,
    ]
    again = record_of(token, 2, epoch=2, status=Status.REVOKED)
    assert store.put([again]) == [WRITTEN]
    assert store.stored() == [again]


def test_a_revocation_of_tokens_can_be_lifted(store: HandPublisher) -> None:
    revoked = replace(issue(5, status=Status.REVOKED)[1], tenant="")
    lifted = replace(revoked, status=Status.ACTIVE, version=revoked.version._replace(revision=6))
    assert store.put([revoked, lifted]) == [WRITTEN, WRITTEN]
    assert store.stored() == [lifted]


def test_one_call_writes_many_records_and_says_what_became_of_each(store: HandPublisher) -> None:
    records = [issue(revision)[1] for revision in range(1, 301)]
    assert store.put(records[:200]) == [WRITTEN] * 200
    older = [replace(record, version=record.version._replace(epoch=0)) for record in records]
    assert store.put([older[0], records[0], records[250], older[199], records[199]]) == [
        REFUSED,
        PRESENT,
        WRITTEN,
        REFUSED,
        PRESENT,
    ]
    assert store.put([]) == []
    assert len(store.stored()) == 201


def test_another_content_of_the_same_version_is_put_right(
    store: HandPublisher, redis_server: RedisServer, names: Names
) -> None:
    _, record = issue()
    store.put([record])
    with redis_server.client() as client:
        client.append(names.record(record.pepper_id, record.digest), b"\x9a\x06\x01x")
    assert store.put([record]) == [RENEWED]
    assert read(store, record).record == record
    assert store.put([record]) == [PRESENT]


def test_garbage_in_place_of_a_record_is_overwritten(
    store: HandPublisher, redis_server: RedisServer, names: Names
) -> None:
    _, record = issue()
    with redis_server.client() as client:
        client.set(names.record(record.pepper_id, record.digest), b"not a record")
    assert store.stored() == []
    assert store.put([record]) == [WRITTEN]
    assert store.stored() == [record]


def test_remove_takes_only_what_was_seen(store: HandPublisher) -> None:
    token = generate("test")
    old, new = record_of(token, 1), record_of(token, 2)
    store.put([old])
    seen = read(store, old)
    store.put([new])
    assert not store.stores.records.remove(seen)
    assert store.stores.records.remove(read(store, new))
    assert store.stored() == []


def test_all_that_is_there_is_listed_and_nothing_else(
    store: HandPublisher, redis_server: RedisServer, names: Names
) -> None:
    records = [issue()[1] for _ in range(2500)]
    store.put(records)
    with redis_server.client() as client:
        client.set(f"{names.namespace}:key:{{00}}:p1:nothing hexadecimal", "x")
        client.set(f"{names.namespace}:key:{{00}}:p1:{'ff' * 32}", "in the wrong shard")
        client.set(Names("other").record("p1", records[0].digest), "x")
    ids = {found for page in store.stores.records.ids() for found in page}
    assert ids == {RecordId("p1", record.digest) for record in records}


def test_no_secret_is_written_that_would_let_anyone_use_the_key(
    store: HandPublisher, redis_server: RedisServer
) -> None:
    text, record = issue()
    store.put([record])
    secret = text.rpartition("_")[2].encode()
    with redis_server.client() as client:
        found = [(name, client.dump(name)) for name in client.scan_iter()]
    assert any(PEPPER.digest(text).hex().encode() in name for name, _ in found)
    assert all(secret[:12] not in name + (value or b"") for name, value in found)


def test_text_outside_ascii_survives(store: HandPublisher) -> None:
    _, record = issue(metadata={"team": "überweisung"}, name="Schlüssel")
    store.put([record])
    assert store.stored() == [record]
