"""What was found out about tokens, by their SHA-256: the tokens themselves are not kept."""

import hashlib
import threading
from typing import Generic, TypeVar

EntryT = TypeVar("EntryT")


def digest_of(token: str) -> bytes | None:
    """32 bytes; None for text with characters outside ASCII, which no token has."""
    return hashlib.sha256(token.encode("ascii")).digest() if token.isascii() else None


class TokenCache(Generic[EntryT]):
    """At most `size` entries in two generations: when the younger is full, what was not used since the last time goes.

    A reader takes no lock unless it finds an entry among the older ones. Whoever reads judges whether it still holds.
    """

    def __init__(self, size: int) -> None:
        self._half = max(size // 2, 1)
        self._young: dict[bytes, EntryT] = {}
        self._old: dict[bytes, EntryT] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._young.keys() | self._old.keys())

    def get(self, digest: bytes) -> EntryT | None:
        entry = self._young.get(digest)
        if entry is None:
            entry = self._old.get(digest)
            if entry is not None:
                self.put(digest, entry)
        return entry

    def put(self, digest: bytes, entry: EntryT) -> None:
        with self._lock:
            if len(self._young) >= self._half and digest not in self._young:
                self._old, self._young = self._young, {}
            self._young[digest] = entry
