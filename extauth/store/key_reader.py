"""Reading key records from Redis into the near cache; checks that wait for the same key share one read."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from redis.client import Pipeline

from extauth.keys.record import KeyRecord, MalformedRecordError, decisive
from extauth.store.errors import StoreUnavailableError
from extauth.store.names import Names, shard_of
from extauth.store.near_cache import NearCache
from extauth.store.queue import Need, Queue, Submit
from extauth.store.slot_read import Place, SlotRead, Values
from extauth.store.slots import SlotOf
from extauth.telemetry.logs import logger

_log = logger(__name__)

_MOST_READS = 3
"""Of one key for one check: it may change while it is read, or Redis may have an old state of it for a while."""

Found = KeyRecord | None | StoreUnavailableError
"""A record, None when no such key exists, or why that could not be found out."""


class Candidate(NamedTuple):
    """The digest of a presented key under one pepper."""

    pepper_id: str
    digest: bytes


class KeyReader:
    """`read` from any thread; the answer comes on the Redis thread."""

    def __init__(
        self, queue: Queue, cache: NearCache, names: Names, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._queue = queue
        self._cache = cache
        self._names = names
        self._clock = clock
        self._reads: dict[tuple[Candidate, ...], _Read] = {}
        self._lock = threading.Lock()

    def read(self, candidates: Sequence[Candidate], deadline: float, done: Callable[[Found], None]) -> None:
        """Find the record of a key, given its digest under each pepper."""
        with self._lock:
            wanted = tuple(candidates)  # all of them: two tokens of one subject are not one question
            shared = self._reads.get(wanted)
            if shared is not None:
                shared.waiting.append(done)
                return
            read = self._reads[wanted] = _Read(self, wanted, deadline, done)
        self.begin(read)

    @property
    def redis_is_away(self) -> bool:
        """Whether `read` would fail now."""
        return self._queue.redis_is_away

    def begin(self, read: "_Read") -> None:
        read.generations = [self._cache.begin_read(candidate.digest) for candidate in read.candidates]
        self._queue.submit(read)

    def keep(self, read: "_Read", records: Sequence[KeyRecord | None]) -> bool:
        """Put what was read into the near cache; False when some of it is older than what is known."""
        now, kept = self._clock(), True
        for candidate, generation, record in zip(read.candidates, read.generations, records, strict=True):
            kept = self._cache.end_read(candidate.digest, generation, record, now) and kept
        return kept

    def abandon(self, read: "_Read") -> None:
        for candidate in read.candidates:
            self._cache.abandon_read(candidate.digest)

    def finish(self, read: "_Read", found: Found) -> None:
        with self._lock:
            del self._reads[read.candidates]
        for done in read.waiting:  # nobody can join any more
            try:
                done(found)
            except Exception:  # noqa: BLE001 (a fault in one check must not leave the others that wait unanswered)
                _log.exception("check_failed_after_its_key_was_read")

    def record_name(self, candidate: Candidate) -> str:
        return self._names.record(candidate.pepper_id, candidate.digest)

    def place(self, candidate: Candidate) -> Place:
        """Where its record and the fence beside that stand."""
        return Place(self.record_name(candidate), self._names.fence(shard_of(candidate.digest)))

    @property
    def state_name(self) -> str:
        return self._names.state


class _Read:
    """One read of one key: a `Need` of the queue."""

    def __init__(
        self, reader: KeyReader, candidates: tuple[Candidate, ...], deadline: float, done: Callable[[Found], None]
    ) -> None:
        self.candidates = candidates
        self.deadline = deadline
        self.waiting = [done]
        self.generations: list[int] = []
        self._reader = reader
        self._reads_left = _MOST_READS

    def ask(self, pipeline: Pipeline) -> int:
        for candidate in self.candidates:
            pipeline.get(self._reader.record_name(candidate))
        # A key that is not there does not exist only if everything has been published.
        pipeline.hget(self._reader.state_name, "complete")
        return len(self.candidates) + 1

    def answer(self, replies: Sequence[Any]) -> None:
        *values, complete = replies
        if complete != b"1" and not any(values):
            self.fail(StoreUnavailableError("unpublished"))
        else:
            self._found(values)

    def fail(self, error: StoreUnavailableError) -> None:
        self._reader.abandon(self)
        self._reader.finish(self, error)

    def split(self, slot_of: SlotOf, submit: Submit) -> dict[int, Need]:
        places = [self._reader.place(candidate) for candidate in self.candidates]
        return SlotRead(places, self._reader.state_name, self.deadline, self._read_apart).parts(slot_of, submit)

    def _read_apart(self, values: Values | StoreUnavailableError) -> None:
        if isinstance(values, StoreUnavailableError):
            self.fail(values)
        else:
            self._found(values)

    def _found(self, values: Values) -> None:
        try:
            records = [_record_for(candidate, value) for value, candidate in zip(values, self.candidates, strict=True)]
        except MalformedRecordError as error:
            _log.error("malformed_record_in_redis", error=str(error))
            self.fail(StoreUnavailableError("reply"))
            return
        self._reads_left -= 1
        if self._reader.keep(self, records):
            self._reader.finish(self, decisive(records))
        elif self._reads_left:
            self._reader.begin(self)  # who has joined meanwhile may have come after the change
        else:
            self._reader.finish(self, StoreUnavailableError("unpublished"))


def decode(value: bytes | None) -> KeyRecord | None:
    """The record in a value that put_records.lua wrote; MalformedRecordError for anything else."""
    return None if value is None else KeyRecord.from_bytes(value.partition(b"\n")[2])


def _record_for(candidate: Candidate, value: bytes | None) -> KeyRecord | None:
    record = decode(value)
    if record is not None and record.digest != candidate.digest:
        raise MalformedRecordError(f"the record of key {record.key_id} stands under another key's name")
    return record
