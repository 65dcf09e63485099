"""From the text of a key to its record: what is in memory, and what must be asked of Redis."""

from collections.abc import Sequence

from extauth.keys.digest import Pepper
from extauth.keys.record import KeyRecord
from extauth.keys.token import key_id_of, prefix_of
from extauth.policy.reasons import Reason
from extauth.store.key_reader import Candidate
from extauth.store.near_cache import NearCache


class KeyLookup:
    """Looks keys up in the near cache. `find` does no I/O."""

    def __init__(self, peppers: Sequence[Pepper], prefixes: Sequence[str], cache: NearCache) -> None:
        self._peppers = tuple(peppers)
        self._prefixes = frozenset(prefixes)
        self._cache = cache

    def candidates(self, key: str) -> list[Candidate] | Reason:
        """The key's digest under each pepper, or why no such key can exist."""
        if key_id_of(key) is None:
            return Reason.MALFORMED_KEY
        if self._prefixes and prefix_of(key) not in self._prefixes:
            return Reason.INVALID_KEY
        return [Candidate(pepper.id, pepper.digest(key)) for pepper in self._peppers]

    def find(self, candidates: Sequence[Candidate], now: float) -> KeyRecord | Reason | None:
        """The record, None when Redis must be asked, or INVALID_KEY when the key is known not to exist."""
        absent = 0
        for candidate in candidates:
            entry = self._cache.get(candidate.digest)
            if entry is None or not self._cache.is_current(entry, now):
                continue
            if entry.record is not None:
                return entry.record
            absent += 1
        return Reason.INVALID_KEY if absent == len(candidates) else None

    def find_stale(self, candidates: Sequence[Candidate], now: float) -> KeyRecord | None:
        """What memory has while Redis is away, if it is not too old."""
        for candidate in candidates:
            entry = self._cache.get(candidate.digest)
            if entry is not None and self._cache.may_serve_stale(entry, now):
                return entry.record
        return None
