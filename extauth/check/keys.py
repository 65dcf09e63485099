"""From the text of a key to its record: what is in memory, and what must be asked of Redis."""

from collections.abc import Callable, Sequence

from extauth.keys import imported
from extauth.keys.digest import Pepper
from extauth.keys.record import KeyRecord, decisive
from extauth.keys.token import key_id_of, prefix_of
from extauth.policy.reasons import Reason
from extauth.store.key_reader import Candidate
from extauth.store.near_cache import Entry, NearCache


class KeyLookup:
    """Looks keys up in the near cache. `find` does no I/O."""

    def __init__(
        self, peppers: Sequence[Pepper], prefixes: Sequence[str], cache: NearCache, *, accepts_imported: bool = False
    ) -> None:
        """`accepts_imported`: whether a key may also be one that another system made."""
        self._peppers = tuple(peppers)
        self._only = peppers[0] if len(peppers) == 1 else None
        self._prefixes = frozenset(prefixes)
        self._accepts_imported = accepts_imported
        self._cache = cache

    def digests(self, key: str) -> list[bytes]:
        """The key's digest under each pepper."""
        if self._accepts_imported and key_id_of(key) is None:
            sha256 = imported.sha256_of(key)
            return [imported.digest(pepper, sha256) for pepper in self._peppers]
        message = key.encode()
        if self._only is not None:
            return [self._only.digest_of(message)]
        return [pepper.digest_of(message) for pepper in self._peppers]

    def candidates(self, digests: Sequence[bytes]) -> list[Candidate]:
        """What Redis is asked for when memory does not know."""
        return [Candidate(pepper.id, digest) for pepper, digest in zip(self._peppers, digests, strict=True)]

    def impossible(self, key: str) -> Reason | None:
        """Why no such key can exist; None when it can. Asked of keys that are not in memory, before Redis is."""
        if key_id_of(key) is None:
            return None if self._accepts_imported and imported.is_possible(key) else Reason.MALFORMED_KEY
        if self._prefixes and prefix_of(key) not in self._prefixes:
            return Reason.INVALID_KEY
        return None

    def find(self, digests: Sequence[bytes], now: float) -> KeyRecord | Reason | None:
        """The record, None when Redis must be asked, or INVALID_KEY when it is known that there is none."""
        if len(digests) != 1:
            return self._known(digests, self._cache.is_current, now)
        entry = self._cache.get(digests[0])
        if entry is None or not self._cache.is_current(entry, now):
            return None
        return entry.record or Reason.INVALID_KEY

    def find_stale(self, digests: Sequence[bytes], now: float, longest: float) -> KeyRecord | Reason | None:
        """The record while Redis is away, by what is not older than `longest` seconds; None when memory does not know.

        UNAVAILABLE when there was none: one may have been made since.
        """
        known = self._known(digests, lambda entry, at: self._cache.may_serve_stale(entry, at, longest), now)
        return Reason.UNAVAILABLE if known is Reason.INVALID_KEY else known

    def last_known(self, digests: Sequence[bytes]) -> list[KeyRecord]:
        """What memory has of these, however old."""
        entries = [self._cache.get(digest) for digest in digests]
        return [entry.record for entry in entries if entry is not None and entry.record is not None]

    def _known(
        self, digests: Sequence[bytes], usable: Callable[[Entry, float], bool], now: float
    ) -> KeyRecord | Reason | None:
        records = []
        for digest in digests:
            entry = self._cache.get(digest)
            if entry is None or not usable(entry, now):
                return None  # what is not known might be a refusal
            records.append(entry.record)
        return decisive(records) or Reason.INVALID_KEY
