"""HMAC-SHA-256 of a key under a pepper (RFC 2104): what is stored and looked up in place of the key.

Keys carry 190 random bits, so no slow password hash is needed; the pepper makes a stolen database or Redis dump
useless for testing guesses. A pepper has an id, so that a new one can be brought in while the old one still answers.
"""

import hashlib
import re

_BLOCK = 64  # bytes, the block size of SHA-256
_INNER = bytes(value ^ 0x36 for value in range(256))
_OUTER = bytes(value ^ 0x5C for value in range(256))

PEPPER_ID_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]{0,15}")
PEPPER_MIN_BYTES = 32


class Pepper:
    """A named secret. The two padded blocks are hashed once, here; each digest continues from copies of them."""

    __slots__ = ("_begin_inner", "_begin_outer", "id")

    def __init__(self, pepper_id: str, secret: bytes) -> None:
        if not PEPPER_ID_PATTERN.fullmatch(pepper_id):
            raise ValueError(f"pepper id {pepper_id!r}: use 1 to 16 of a-z, 0-9 and hyphen")
        if len(secret) < PEPPER_MIN_BYTES:
            raise ValueError(f"pepper {pepper_id!r} has {len(secret)} bytes; it needs at least {PEPPER_MIN_BYTES}")
        key = (hashlib.sha256(secret).digest() if len(secret) > _BLOCK else secret).ljust(_BLOCK, b"\0")
        self.id = pepper_id
        self._begin_inner = hashlib.sha256(key.translate(_INNER)).copy
        self._begin_outer = hashlib.sha256(key.translate(_OUTER)).copy

    def __repr__(self) -> str:
        return f"Pepper({self.id!r})"

    def digest(self, key: str) -> bytes:
        """32 bytes: HMAC-SHA-256(pepper, key as UTF-8)."""
        return self.digest_of(key.encode())

    def digest_of(self, message: bytes) -> bytes:
        """32 bytes: HMAC-SHA-256(pepper, message)."""
        inner = self._begin_inner()
        inner.update(message)
        outer = self._begin_outer()
        outer.update(inner.digest())
        return outer.digest()
