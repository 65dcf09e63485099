"""The records of all keys in Redis, for the one publisher that may write them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from extauth.keys.record import KeyRecord, MalformedRecordError, Status
from extauth.store.errors import translated
from extauth.store.key_reader import decode
from extauth.store.lazy_cluster import primaries
from extauth.store.leadership import DeposedError, Leadership
from extauth.store.names import Names, RecordId, shard_of
from extauth.store.run_script import Argument, Call, run, run_all
from extauth.store.scripts import PUT_RECORDS, REMOVE_RECORD

WRITTEN, RENEWED, PRESENT, REFUSED = 1, 2, 0, -1
_SCAN = 1000


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A value as it stands in Redis; `record` is None when it cannot be read."""

    id: RecordId
    value: bytes
    record: KeyRecord | None


class RecordStore:
    """Raises StoreUnavailableError, and DeposedError from what writes once the lease is another one's."""

    def __init__(self, client: redis.Redis, names: Names, leadership: Leadership) -> None:
        self._client = client
        self._names = names
        self._leadership = leadership

    def put(self, records: Sequence[KeyRecord]) -> list[int]:
        """Write each record unless Redis has a newer state of it: WRITTEN, PRESENT or REFUSED for each.

        RENEWED is one whose version was there with another content, as after a change of what a plan means. A revoked
        key stays revoked, whatever the version. When it fails, some may have been written.
        """
        shards: dict[int, list[int]] = defaultdict(list)
        for index, record in enumerate(records):
            shards[shard_of(record.digest)].append(index)
        outcomes = [REFUSED] * len(records)
        calls = [self._put_call(shard, [records[index] for index in indexes]) for shard, indexes in shards.items()]
        with translated():
            replies = run_all(self._client, PUT_RECORDS, calls)
        for indexes, reply in zip(shards.values(), replies, strict=True):
            if reply is None:
                raise DeposedError
            for index, outcome in zip(indexes, reply, strict=True):
                outcomes[index] = int(outcome)
        return outcomes

    def _put_call(self, shard: int, records: Sequence[KeyRecord]) -> Call:
        keys = [self._names.fence(shard)]
        arguments: list[Argument] = [self._leadership.number]
        for record in records:
            keys.append(self._names.record(record.pepper_id, record.digest))
            arguments += (_header(record), record.to_bytes())
        return keys, arguments

    def ids(self) -> Iterator[list[RecordId]]:
        """All records that Redis has, in pages; one may come twice."""
        names: Any  # redis-py may be set to answer in str; ours is not
        with translated():
            nodes = primaries(self._client)
        for node in nodes:
            cursor: int = -1
            while cursor != 0:
                with translated():
                    cursor, names = node.scan(max(cursor, 0), match=self._names.record_pattern, count=_SCAN)
                yield [found for name in names if (found := self._names.record_id(name.decode())) is not None]

    def read(self, wanted: Sequence[RecordId]) -> list[StoredRecord]:
        """Those that are still there."""
        with translated(), self._client.pipeline(transaction=False) as pipeline:
            for one in wanted:
                pipeline.get(self._names.record(*one))
            values = pipeline.execute()
        return [
            StoredRecord(one, value, _readable(value))
            for one, value in zip(wanted, values, strict=True)
            if value is not None
        ]

    def remove(self, stored: StoredRecord) -> bool:
        """Remove a record if it is still the one that was read."""
        keys = [self._names.fence(shard_of(stored.id.digest)), self._names.record(*stored.id)]
        with translated():
            removed = int(run(self._client, REMOVE_RECORD, keys, [self._leadership.number, stored.value]))
        if removed < 0:
            raise DeposedError
        return removed > 0


def _header(record: KeyRecord) -> str:
    epoch, revision = record.version
    # The registry lifts revocations of tokens, which have no tenant; those of keys are final.
    final = record.status is Status.REVOKED and record.tenant
    return f"{epoch} {revision} final" if final else f"{epoch} {revision}"


def _readable(value: Any) -> KeyRecord | None:  # noqa: ANN401 (redis-py may be set to answer in str; ours is not)
    try:
        return decode(value)
    except MalformedRecordError:
        return None
