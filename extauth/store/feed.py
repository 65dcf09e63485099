"""Following the change feed: what changed in the registry leaves the near cache at once.

Each entry carries a number, one greater than the entry before it. The feed is complete as long as no number is missing
and the publication is the one it was; anything else (a trimmed feed, a restarted or rolled-back Redis, everything
published anew) clears the near cache, and following starts again at the end of the feed.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import redis

from extauth.keys.record import Version
from extauth.store.errors import CLIENT_ERRORS, translate
from extauth.store.names import Names
from extauth.store.near_cache import NearCache
from extauth.telemetry.logs import logger
from extauth.telemetry.sidecar_metrics import SidecarMetrics

_log = logger(__name__)

BLOCK = 0.2  # seconds that one read waits for news; also the pace at which the publication is looked at
FEED_PATIENCE = BLOCK + 1.0
"""Seconds for one read to come back: Redis ends a wait that brought nothing up to 100 ms late."""
_BATCH = 1000
_REST_AFTER_FAILURE = 0.25  # seconds
RESYNC_CAUSES = ("start", "gap", "republished", "rolled_back")


@dataclass(frozen=True, slots=True)
class Publication:
    """What the publisher says of itself in Redis. `number` is that of the newest entry of the feed."""

    instance: str
    number: int

    @classmethod
    def parse(cls, values: Sequence[bytes | None]) -> "Publication | None":
        """From HMGET instance, number, complete; None unless everything has been published."""
        instance, number, complete = values
        if instance is None or complete != b"1":
            return None
        try:
            return cls(instance.decode(), int(number or 0))
        except ValueError:  # nothing that a publisher writes
            return None


class _Entry(NamedTuple):
    """One entry of the feed. `committed_at` in Unix seconds."""

    number: int
    digest: bytes
    version: Version
    committed_at: float

    @classmethod
    def parse(cls, fields: Mapping[bytes, bytes]) -> "_Entry | None":
        """None for what no publisher has written."""
        try:
            return cls(
                int(fields[b"number"]),
                bytes.fromhex(fields[b"digest"].decode()),
                Version(int(fields[b"epoch"]), int(fields[b"revision"])),
                int(fields[b"committed_at"]) / 1000,
            )
        except (KeyError, ValueError, OverflowError):
            return None


class FeedFollower:
    """A thread that keeps a near cache true. `client` waits FEED_PATIENCE for an answer; `failed` is told of each that
    does not come.
    """

    def __init__(
        self,
        client: redis.Redis,
        names: Names,
        cache: NearCache,
        metrics: SidecarMetrics,
        clock: Callable[[], float] = time.monotonic,
        *,
        failed: Callable[[], None] = lambda: None,
    ) -> None:
        self._client = client
        self._failed = failed
        self._names = names
        self._cache = cache
        self._metrics = metrics
        self._clock = clock
        self._stopping = threading.Event()
        self._publication: Publication | None = None
        self._position: bytes | str = "0-0"
        self._promised = 0
        self._following = False
        self._fault: str | None = "not connected yet"
        self._thread = threading.Thread(target=self._run, name="change-feed", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float) -> None:
        self._stopping.set()
        self._thread.join(timeout)
        self._client.close()

    @property
    def has_followed(self) -> bool:
        """Whether the feed was ever complete here."""
        return self._following

    def fault(self) -> str | None:
        """What keeps the feed from being complete now, in a few words."""
        return self._fault

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.follow_once()
                self._fault = None if self._publication else "nothing has been published"
            except CLIENT_ERRORS as error:
                kind = translate(error).kind
                self._fault = f"Redis: {kind}"
                self._metrics.redis_errors.labels(kind).inc()
                self._failed()
                self._stopping.wait(_REST_AFTER_FAILURE)

    def follow_once(self) -> None:
        """Read what is new, waiting at most BLOCK, and apply it."""
        if self._publication is None:
            self._resync("republished" if self._following else "start")
            if self._publication is None:
                self._stopping.wait(BLOCK)
            return
        asked_at = self._clock()
        entries, publication = self._read()
        gap = self._apply(entries)
        if publication is None:
            self._publication = None  # nothing is cleared: the near cache serves until everything is back
        elif publication.instance != self._publication.instance:
            self._resync("republished")
        elif publication.number < self._publication.number:
            self._resync("rolled_back")
        elif gap or self._is_behind(entries):
            self._resync("gap")
        else:
            self._promised = publication.number
            if len(entries) < _BATCH:
                # An entry that was there at asked_at has been read.
                self._cache.confirm(asked_at)

    def _is_behind(self, entries: Sequence[object]) -> bool:
        """Entries that the publication promised in the last round never came."""
        assert self._publication is not None
        return len(entries) < _BATCH and self._publication.number < self._promised

    def _read(self) -> tuple[Sequence[tuple[bytes, Mapping[bytes, bytes]]], Publication | None]:
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.xread({self._names.changes: self._position}, count=_BATCH, block=int(BLOCK * 1000))
            pipeline.hmget(self._names.state, ["instance", "number", "complete"])
            streams, state = pipeline.execute()
        return _entries(streams), Publication.parse(state)

    def _apply(self, entries: Sequence[tuple[bytes, Mapping[bytes, bytes]]]) -> bool:
        """Drop what changed; True when an entry is missing before one of these, or cannot be read."""
        assert self._publication is not None
        number, instance, gap = self._publication.number, self._publication.instance, False
        for position, fields in entries:
            self._position = position
            entry = _Entry.parse(fields)
            if entry is None:
                gap = True
                continue
            gap = gap or entry.number != number + 1
            number = entry.number
            self._cache.change(entry.digest, entry.version)
            self._metrics.feed_lag.observe(max(time.time() - entry.committed_at, 0))
        self._publication = Publication(instance, number)
        return gap

    def _resync(self, cause: str) -> None:
        """Begin at the end of the feed with an empty near cache."""
        asked_at = self._clock()
        with self._client.pipeline(transaction=True) as pipeline:
            pipeline.hmget(self._names.state, ["instance", "number", "complete"])
            pipeline.xrevrange(self._names.changes, count=1)
            state, newest = pipeline.execute()
        self._publication = Publication.parse(state)
        if self._publication is None:
            return
        self._position = newest[0][0] if newest else "0-0"
        self._promised = self._publication.number
        self._following = True
        self._cache.clear()
        self._cache.confirm(asked_at)
        self._metrics.feed_resyncs.labels(cause).inc()
        _log.info("following_change_feed", cause=cause, number=self._publication.number)


def _entries(streams: Any) -> Sequence[tuple[bytes, Mapping[bytes, bytes]]]:  # noqa: ANN401 (RESP2 and RESP3 differ)
    """The entries of the only stream: a list of pairs in RESP2, a mapping in RESP3, None when nothing came."""
    if not streams:
        return ()
    values = streams.values() if isinstance(streams, dict) else [entries for _, entries in streams]
    found = next(iter(values))
    # redis-py's RESP3 answer wraps the entries of a stream in one more list.
    return found[0] if found and isinstance(found[0], list) else found
