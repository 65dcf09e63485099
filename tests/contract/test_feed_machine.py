"""Near cache, change feed and Redis under any order of events: what was told is never undone, and nothing grows.

One thread makes all steps, so that reads, changes and faults interleave in each order that Hypothesis can think of.
Redis is real; what happens to its data when it restarts, or when a replica that was behind takes over, is done to its
keys.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from prometheus_client import CollectorRegistry

from extauth.keys.record import KeyRecord, Status, Version
from extauth.keys.token import generate
from extauth.store import feed
from extauth.store.client import connect
from extauth.store.feed import FeedFollower
from extauth.store.key_reader import decode
from extauth.store.names import Names
from extauth.store.near_cache import MOST_TOLD, Freshness, NearCache
from extauth.telemetry.sidecar_metrics import SidecarMetrics
from tests.support.keys import record_of
from tests.support.publishing import HandPublisher
from tests.support.redis_server import RedisServer

SIZE, KEYS = 2, 3
NAMES = Names("machine")
BUSY_REDIS = ("--hz", "500")
"""It ends waits that brought nothing sooner."""


@pytest.fixture(scope="module")
def busy_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer("redis-8.2", Path(tmp_path_factory.mktemp("redis")), *BUSY_REDIS)
    server.start()
    yield server
    server.kill()


class TellingCache(NearCache):
    """Remembers what the feed has told, for ever; and that an absent key that is told of is forgotten at once."""

    def __init__(self) -> None:
        super().__init__(SIZE, Freshness(max_staleness=60, max_stale=60, negative=60))
        self.told: dict[bytes, Version] = {}

    def change(self, digest: bytes, version: Version) -> None:
        super().change(digest, version)
        self.told[digest] = max(version, self.told.get(digest, version))
        entry = self.get(digest)
        assert entry is None or (entry.record is not None and entry.record.version >= version)


class Machine(RuleBasedStateMachine):
    """A registry (`truth`), what it has published (`published`), and one sidecar."""

    server: RedisServer

    def __init__(self) -> None:
        super().__init__()
        self.client = self.server.client()
        self.client.flushall()
        self.cache = TellingCache()
        self.now = 0.0
        self.follower = FeedFollower(
            connect(self.server.settings(namespace=NAMES.namespace, timeout="5s")),
            NAMES,
            self.cache,
            SidecarMetrics(CollectorRegistry()),
            lambda: self.now,
        )
        self.follower._stopping.set()  # it never rests
        self.publisher = HandPublisher(connect(self.server.settings(namespace=NAMES.namespace, timeout="5s")), NAMES)
        self.tokens = [generate("test") for _ in range(KEYS)]
        self.truth: dict[int, KeyRecord] = {}
        self.published: dict[bytes, KeyRecord] = {}
        self.revoked: dict[bytes, Version] = {}
        self.confirmed: dict[bytes, Version] = {}
        self.epoch, self.revision = 1, 0
        self.unannounced: list[KeyRecord] = []
        self.reads: list[tuple[bytes, int, Any]] = []
        self.is_cut = False
        self.saved: tuple[dict[bytes, bytes], dict[bytes, KeyRecord]] | None = None
        self.backup: dict[int, KeyRecord] | None = None
        for number in range(1, KEYS):
            self.change(number, "scopes", at_once=False)
        self.publish_everything()
        self.follow()

    def teardown(self) -> None:
        """Once all is well again the sidecar knows the truth."""
        self.is_cut = False
        self.publish_everything()
        self.follow()
        self.follow()
        for record in self.truth.values():
            generation = self.cache.begin_read(record.digest)
            assert self.cache.end_read(record.digest, generation, self.fetched(record.digest), self.now)
            entry = self.cache.get(record.digest)
            assert entry is not None
            assert entry.record == record
        self.follower._client.close()
        self.publisher.close()
        self.client.close()

    def fetched(self, digest: bytes) -> KeyRecord | None:
        return decode(self.client.get(NAMES.record("p1", digest)))

    # What the registry and its publisher do.

    @rule(
        number=st.integers(0, KEYS - 1),
        change=st.sampled_from(["scopes", "revoke", "expire"]),
        at_once=st.booleans(),
    )
    def change(self, number: int, change: str, at_once: bool) -> None:
        """A new state of a key, which may be its first; announced at once or later."""
        if record_of(self.tokens[number], 1).digest in self.revoked:  # for good, and no other key has its text
            return
        self.revision += 1
        old = self.truth.get(number)
        status = Status.REVOKED if old is not None and change == "revoke" else Status.ACTIVE
        more = {"expires_at": 1} if change == "expire" else {"scopes": (str(self.revision),)}
        record = record_of(self.tokens[number], self.revision, epoch=self.epoch, status=status, **more)
        self.truth[number] = record
        if status is Status.REVOKED:
            self.revoked[record.digest] = record.version
        if not self.vouches():
            return
        self.publisher.put([record])
        self.published[record.digest] = record
        self.unannounced.append(record)
        if at_once:
            self.announce()

    def vouches(self) -> bool:
        """Whether Redis has the state that the publisher left there."""
        state = self.publisher.stores.publication.state()
        return state is not None and (state.instance, state.number) == (
            self.publisher.state.instance,
            self.publisher.state.number,
        )

    @precondition(lambda self: self.unannounced)
    @rule()
    def announce(self) -> None:
        if self.vouches():
            self.publisher.announce(*self.unannounced)
            self.unannounced.clear()

    @rule()
    def publish_everything(self) -> None:
        """As a publisher that finds that Redis has lost something."""
        self.publisher.begin(self.epoch, self.revision)
        self.publisher.put(list(self.truth.values()))
        self.published = {record.digest: record for record in self.truth.values()}
        self.unannounced.clear()
        self.publisher.complete()

    @rule()
    def take_a_backup(self) -> None:
        self.backup = dict(self.truth)

    @precondition(lambda self: self.backup is not None)
    @rule()
    def restore_the_backup(self) -> None:
        """And begin a new epoch, in which what was refused stays refused."""
        assert self.backup is not None
        self.epoch += 1
        for number, record in self.backup.items():
            status = Status.REVOKED if record.digest in self.revoked else record.status
            self.truth[number] = replace(record, version=Version(self.epoch, record.version.revision), status=status)
        self.truth = {number: self.truth[number] for number in self.backup}
        self.publish_everything()

    @rule(number=st.integers(0, KEYS - 1), change=st.sampled_from(["scopes", "revoke"]))
    def change_and_tell(self, number: int, change: str) -> None:
        """All goes as it should."""
        self.change(number, change, at_once=True)
        self.follow()

    # What becomes of Redis.

    @rule(length=st.integers(0, 3))
    def trim_the_feed(self, length: int) -> None:
        self.client.xtrim(NAMES.changes, maxlen=length, approximate=False)

    @rule()
    def lose_everything(self) -> None:
        self.client.flushall()
        self.client.script_flush()
        self.published = {}

    @rule()
    def copy_to_a_replica(self) -> None:
        found: list[bytes] = self.client.keys("*")
        self.saved = {name: self.client.dump(name) for name in found}, dict(self.published)

    @precondition(lambda self: self.saved is not None)
    @rule()
    def promote_the_replica(self) -> None:
        """Which is behind."""
        assert self.saved is not None
        self.client.flushall()
        for name, value in self.saved[0].items():
            self.client.restore(name, 0, value)
        self.client.delete(NAMES.leader)  # the lease that it has runs out
        self.publisher.lead()
        self.published = dict(self.saved[1])

    @rule(number=st.integers(0, KEYS - 1), change=st.sampled_from(["scopes", "revoke"]))
    def change_that_no_replica_has(self, number: int, change: str) -> None:
        self.publish_everything()
        self.follow()
        self.copy_to_a_replica()
        self.change_and_tell(number, change)
        self.promote_the_replica()

    # What the sidecar does.

    @rule()
    def cut_off(self) -> None:
        self.is_cut = True

    @rule()
    def reconnect(self) -> None:
        self.is_cut = False

    @rule(number=st.integers(0, KEYS - 1))
    def read(self, number: int) -> None:
        self.begin_read(number)
        digest, generation, _ = self.reads.pop()
        found = ... if self.is_cut or not self.is_complete() else self.fetched(digest)
        self.finish(digest, generation, found)

    @rule()
    def follow(self) -> None:
        self.now += 1
        if self.is_cut:
            return
        before = {digest: record.version for digest, record in self.published.items()}
        for record in self.unannounced:
            before.pop(record.digest, None)
        self.follower.follow_once()
        if self.cache.confirmed_age(self.now) == 0:
            self.confirmed = before

    @rule(number=st.integers(0, KEYS - 1))
    def begin_read(self, number: int) -> None:
        digest = record_of(self.tokens[number], 1).digest
        self.reads.append((digest, self.cache.begin_read(digest), ...))

    @precondition(lambda self: self.reads)
    @rule(data=st.data())
    def fetch(self, data: st.DataObject) -> None:
        at = data.draw(st.integers(0, len(self.reads) - 1))
        digest, generation, _ = self.reads[at]
        if not self.is_cut and self.is_complete():
            self.reads[at] = (digest, generation, self.fetched(digest))

    @precondition(lambda self: self.reads)
    @rule(data=st.data())
    def end_read(self, data: st.DataObject) -> None:
        self.finish(*self.reads.pop(data.draw(st.integers(0, len(self.reads) - 1))))

    def is_complete(self) -> bool:
        return self.client.hget(NAMES.state, "complete") == b"1"

    def finish(self, digest: bytes, generation: int, found: Any) -> None:
        """`found` is a record, None, or `...` where Redis could not say."""
        self.now += 1
        if found is ...:
            self.cache.abandon_read(digest)
        else:
            self.cache.end_read(digest, generation, found, self.now)

    # What always holds.

    @invariant()
    def nothing_older_than_what_was_told_is_served(self) -> None:
        for digest, entry in self.cache._entries.items():
            if entry.record is not None:
                assert entry.record.version >= self.cache.told.get(digest, entry.record.version)
                revoked = self.revoked.get(digest)
                is_told = revoked is not None and self.cache.told.get(digest, Version(0, 0)) >= revoked
                assert not (is_told and entry.record.status is Status.ACTIVE)

    @invariant()
    def nothing_older_than_what_was_confirmed_is_served(self) -> None:
        if self.cache.confirmed_age(self.now) == float("inf"):
            return
        for digest, version in self.confirmed.items():
            entry = self.cache.get(digest)
            if entry is not None and entry.read_at <= self.cache._confirmed_at:
                assert entry.record is not None
                assert entry.record.version >= version

    @invariant()
    def nothing_grows(self) -> None:
        assert len(self.cache) <= SIZE
        assert len(self.cache._told) <= min(KEYS, MOST_TOLD)
        assert sum(reading.reads for reading in self.cache._reading.values()) == len(self.reads)


def _run(server: RedisServer, monkeypatch: pytest.MonkeyPatch, examples: int, steps: int) -> None:
    monkeypatch.setattr(feed, "BLOCK", 0.001)
    Machine.server = server
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            phases=(Phase.explicit, Phase.reuse, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_what_was_told_is_never_undone(busy_redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    _run(busy_redis, monkeypatch, examples=15, steps=40)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_what_was_told_is_never_undone_in_many_more_orders(
    busy_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run(busy_redis, monkeypatch, examples=400, steps=60)
