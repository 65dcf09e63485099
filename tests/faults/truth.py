"""Whether Redis, the feed and a sidecar's memory are what the registry says."""

from collections.abc import Iterator, Mapping

import redis
from sqlalchemy import func, select

from extauth.keys.record import KeyRecord
from extauth.registry.database import Database
from extauth.registry.history import History
from extauth.registry.schema import usage_minutes
from extauth.store.names import Names
from extauth.store.publication import read_state
from tests.faults.observer import Observer
from tests.support.wait import wait_until


def all_records(database: Database) -> dict[bytes, KeyRecord]:
    """Of the registry, by digest."""
    return {record.digest: record for record in _records(History(database))}


def _records(history: History) -> Iterator[KeyRecord]:
    page = history.records("", 500)
    while page:
        yield from page
        page = history.records(page[-1].key_id, 500)


def in_redis(client: redis.Redis, names: Names) -> dict[bytes, bytes]:
    """Every value, by digest."""
    found = list(client.scan_iter(names.record_pattern, count=1000))
    values = client.mget(found) if found else []
    return {bytes.fromhex(name.decode().rpartition(":")[2]): value for name, value in zip(found, values, strict=True)}


def wait_until_published(database: Database, client: redis.Redis, names: Names) -> None:
    """All of it, and compared once more afterwards."""
    head = History(database).head()

    def compared_at() -> int:
        state = read_state(client, names)
        return state.compared_at if state is not None and state.complete and state.version == head else 0

    wait_until(compared_at, seconds=30)
    first = compared_at()
    wait_until(lambda: compared_at() > first, seconds=30)
    second = compared_at()
    wait_until(lambda: compared_at() > second, seconds=30)  # this one began after the first look


def assert_equal(database: Database, client: redis.Redis, names: Names) -> None:
    """Every record, its status and its version, to the byte; and nothing besides."""
    expected = {}
    for digest, record in all_records(database).items():
        final = b" final" if record.status.name == "REVOKED" and record.tenant else b""
        expected[digest] = b"%d %d%s\n%s" % (*record.version, final, record.to_bytes())
    found = in_redis(client, names)
    assert found.keys() == expected.keys()
    assert {digest for digest in found if found[digest] != expected[digest]} == set()


def assert_all_told(database: Database, client: redis.Redis, names: Names, since: int) -> None:
    """The feed has the last change of every key that changed after revision `since`, and no number is missing."""
    told: dict[bytes, int] = {}
    numbers = []
    for _, entry in client.xrange(names.changes):
        numbers.append(int(entry[b"number"]))
        digest, revision = bytes.fromhex(entry[b"digest"].decode()), int(entry[b"revision"])
        told[digest] = max(told.get(digest, 0), revision)
    state = read_state(client, names)
    assert state is not None
    assert numbers == list(range(1, state.number + 1))
    changed = {
        digest: record.version.revision
        for digest, record in all_records(database).items()
        if record.version.revision > since
    }
    assert {digest for digest, revision in changed.items() if told.get(digest) != revision} == set()


def assert_memory_is_true(observer: Observer, database: Database, client: redis.Redis, names: Names) -> None:
    """Once the follower has read the whole feed, nothing that it remembers is older than the registry."""
    state = read_state(client, names)
    assert state is not None

    def has_read_all() -> bool:
        publication = observer.follower._publication
        return publication is not None and publication.number == state.number

    wait_until(has_read_all)
    records: Mapping[bytes, KeyRecord] = all_records(database)
    remembered = dict(observer.cache._entries)
    assert {digest for digest, entry in remembered.items() if entry.record != records.get(digest)} == set()


def usage_in_ledger(database: Database) -> int:
    """Checks."""
    with database.read() as connection:
        return int(connection.execute(select(func.coalesce(func.sum(usage_minutes.c.checks), 0))).scalar_one())
