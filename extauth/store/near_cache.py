"""The near cache: key records in this process's memory, bounded, and never older than the change feed allows.

A reader takes no lock: `get` is one dict lookup, and an entry is never changed in a way that a reader could half see.
Writers (the Redis thread and the feed thread) take turns under a lock.

An entry is *current* while the feed has been confirmed, or the entry itself read, within `max_staleness`. Past that it
is read again; when Redis cannot say, it serves until `max_stale`.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from extauth.keys.record import KeyRecord, Version

MOST_TOLD = 20_000
"""Keys whose last change is remembered: of these no older state is taken, wherever it comes from."""
_NEVER, _FOREVER = float("-inf"), float("inf")


class Entry:
    """What is known of one digest: its record, or None when no such key exists. `read_at` is monotonic seconds."""

    __slots__ = ("read_at", "record", "used")

    def __init__(self, record: KeyRecord | None, read_at: float) -> None:
        self.record = record
        self.read_at = read_at
        self.used = False


@dataclass(slots=True)
class _Reading:
    """Reads of one digest that are under way, and the newest state that the feed told of meanwhile."""

    reads: int = 0
    changed_to: Version | None = None


@dataclass(frozen=True, slots=True)
class Freshness:
    """How long what is in memory may answer, in seconds."""

    max_staleness: float = 5.0
    max_stale: float = 3600.0
    negative: float = 5.0


class NearCache:
    """At most `size` entries; the ones not used for a round go first (second chance)."""

    def __init__(self, size: int, freshness: Freshness) -> None:
        self._size = size
        self._freshness = freshness
        self._entries: OrderedDict[bytes, Entry] = OrderedDict()
        self._lock = threading.Lock()
        self._confirmed_at = _NEVER
        self._reading: dict[bytes, _Reading] = {}
        self._generation = 0
        self._told: OrderedDict[bytes, Version] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, digest: bytes) -> Entry | None:
        entry = self._entries.get(digest)
        if entry is not None:
            entry.used = True
        return entry

    def is_current(self, entry: Entry, now: float) -> bool:
        """Whether the entry may answer without asking Redis. The feed tells of new keys too."""
        bound = self._freshness.negative if entry.record is None else self._freshness.max_staleness
        # Two comparisons in place of `max`, which is slow: nearly always the first one tells.
        return now - self._confirmed_at < bound or now - entry.read_at < bound

    def may_serve_stale(self, entry: Entry, now: float, longest: float = _FOREVER) -> bool:
        """Whether the entry may answer while Redis cannot: within `max_stale`, and `longest` seconds."""
        return now - max(entry.read_at, self._confirmed_at) < min(self._freshness.max_stale, longest)

    def confirm(self, now: float) -> None:
        """All changes up to `now` have been applied."""
        self._confirmed_at = now

    def confirmed_age(self, now: float) -> float:
        """Seconds since the feed was last known to be complete; infinite before the first time."""
        return now - self._confirmed_at

    def begin_read(self, digest: bytes) -> int:
        """Announce that a record is being read; hand the result to `end_read`."""
        with self._lock:
            self._reading.setdefault(digest, _Reading()).reads += 1
            return self._generation

    def end_read(self, digest: bytes, generation: int, record: KeyRecord | None, read_at: float) -> bool:
        """Keep what was read. False when the key changed meanwhile, so that it must be read again; and for a state
        older than the feed has told of, which a Redis has that was rolled back.
        """
        with self._lock:
            changed_to = self._finish_read(digest)
            if generation != self._generation:
                return False
            if record is None:
                if changed_to is not None:
                    return False
            elif record.version < (self._told.get(digest) or changed_to or record.version):
                return False
            self._put(digest, Entry(record, read_at))
            return True

    def abandon_read(self, digest: bytes) -> None:
        """The read failed; whatever was known stays."""
        with self._lock:
            self._finish_read(digest)

    def change(self, digest: bytes, version: Version) -> None:
        """The feed tells of a newer state: drop an older one, and refuse an older one that is still being read."""
        with self._lock:
            self._tell(digest, version)
            entry = self._entries.get(digest)
            if entry is not None and (entry.record is None or entry.record.version < version):
                del self._entries[digest]
            reading = self._reading.get(digest)
            if reading is not None:
                reading.changed_to = max(version, reading.changed_to or version)

    def clear(self) -> None:
        """The feed has a gap: nothing in memory, and nothing being read, can be trusted. What it told stays true."""
        with self._lock:
            self._entries.clear()
            self._generation += 1
            self._confirmed_at = _NEVER

    def _tell(self, digest: bytes, version: Version) -> None:
        self._told[digest] = max(version, self._told.pop(digest, version))
        if len(self._told) > MOST_TOLD:
            self._told.popitem(last=False)

    def _finish_read(self, digest: bytes) -> Version | None:
        """One read less; the state that the key changed to since the first of those under way began."""
        reading = self._reading[digest]
        reading.reads -= 1
        if reading.reads == 0:
            del self._reading[digest]
        return reading.changed_to

    def _put(self, digest: bytes, entry: Entry) -> None:
        if digest not in self._entries:
            while len(self._entries) >= self._size:
                self._evict_one()
        self._entries[digest] = entry

    def _evict_one(self) -> None:
        # The oldest goes, unless it was used since it last came round: then it joins the end of the queue once more.
        for _ in range(len(self._entries)):
            digest, entry = next(iter(self._entries.items()))
            if not entry.used:
                break
            entry.used = False
            self._entries.move_to_end(digest)
        self._entries.popitem(last=False)
