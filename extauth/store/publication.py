"""Writing what the registry knows into Redis: records, the change feed, and the state that vouches for both.

The state (a hash) has: instance, a random name for one complete publication; epoch and revision of the registry up to
which it goes; number, that of the feed's newest entry; complete, "1" once every key has been written; beat, the
milliseconds of Redis' clock when the publisher last wrote.
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from extauth.keys.record import KeyRecord, MalformedRecordError, Version
from extauth.store.errors import translated
from extauth.store.key_reader import decode
from extauth.store.names import Names
from extauth.store.scripts import ANNOUNCE, PUT_RECORD, REMOVE_RECORD

FEED_LENGTH = 100_000  # entries; a sidecar further behind than this reads everything anew
_SCAN = 1000
WRITTEN, PRESENT, REFUSED = 1, 0, -1


@dataclass(frozen=True, slots=True)
class Announcement:
    """One entry of the feed: this digest has a new state. `committed_at` in Unix milliseconds."""

    digest: bytes
    version: Version
    committed_at: int


@dataclass(frozen=True, slots=True)
class State:
    """The part of the state that the publisher needs back."""

    instance: str
    epoch: int
    revision: int
    complete: bool


class PublicationStore:
    """What a publisher does to Redis. Raises StoreUnavailableError."""

    def __init__(self, client: redis.Redis, names: Names) -> None:
        self._client = client
        self._names = names
        self._put = client.register_script(PUT_RECORD.text)
        self._remove = client.register_script(REMOVE_RECORD.text)
        self._announce = client.register_script(ANNOUNCE.text)

    def state(self) -> State | None:
        """None when nothing has ever been published here, or Redis has lost it."""
        values: list[Any]
        with translated():
            values = list(self._client.hmget(self._names.state, ["instance", "epoch", "revision", "complete"]))
        instance, epoch, revision, complete = values
        if instance is None:
            return None
        return State(instance.decode(), int(epoch or 0), int(revision or 0), complete == b"1")

    def begin(self, epoch: int) -> State:
        """Start a new publication: until `complete`, a key that is not found is not known to be absent."""
        state = State(secrets.token_hex(8), epoch, 0, complete=False)
        with translated(), self._client.pipeline(transaction=True) as pipeline:
            pipeline.delete(self._names.state, self._names.changes)
            pipeline.hset(
                self._names.state,
                mapping={"instance": state.instance, "epoch": epoch, "revision": 0, "number": 0, "complete": 0},
            )
            pipeline.execute()
        return state

    def complete(self) -> None:
        with translated():
            self._client.hset(self._names.state, "complete", 1)

    def put(self, records: Sequence[KeyRecord]) -> list[int]:
        """Write each record unless Redis has a newer state of it: WRITTEN, PRESENT or REFUSED for each."""
        if not records:
            return []
        with translated(), self._client.pipeline(transaction=False) as pipeline:
            for record in records:
                name = self._names.record(record.pepper_id, record.digest)
                self._put(keys=[name], args=[*record.version, record.to_bytes()], client=pipeline)
            return [int(outcome) for outcome in pipeline.execute()]

    def announce(self, state: State, revision: int, announcements: Sequence[Announcement]) -> bool:
        """Append to the feed and move the state on to `revision`; False when the state is no longer this one."""
        facts = [
            fact
            for entry in announcements
            for fact in (entry.digest.hex(), entry.version.epoch, entry.version.revision, entry.committed_at)
        ]
        arguments = [state.instance, state.epoch, state.revision, revision, FEED_LENGTH, *facts]
        with translated():
            return bool(self._announce(keys=[self._names.changes, self._names.state], args=arguments))

    def stored(self) -> Iterator[list[KeyRecord]]:
        """All records in Redis, in pages; one may come twice, and unreadable ones are passed over."""
        cursor: int = -1
        while cursor != 0:
            with translated():
                cursor, names = self._client.scan(max(cursor, 0), match=self._names.record_pattern, count=_SCAN)
                values = self._client.mget(names) if names else []
            yield [record for value in values if (record := _readable(value)) is not None]

    def remove(self, record: KeyRecord) -> bool:
        """Remove a record if it is still in this state."""
        name = self._names.record(record.pepper_id, record.digest)
        with translated():
            return bool(self._remove(keys=[name], args=[*record.version]))

    def close(self) -> None:
        self._client.close()


def _readable(value: Any) -> KeyRecord | None:  # noqa: ANN401 (redis-py may be set to answer in str; ours is not)
    try:
        return decode(value)
    except MalformedRecordError:
        return None
