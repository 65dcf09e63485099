"""Keys that another system made and the registry has imported: any text, of which only the SHA-256 need be known.

What is stored is HMAC-SHA-256(pepper, 0xFF, "sha256", SHA-256 of the key). No text in UTF-8 has the byte 0xFF: so
nobody who has stolen the other system's list of SHA-256 sums can send anything that is digested like that.
"""

import hashlib
import re

from extauth.keys.digest import Pepper
from extauth.keys.token import key_id_of

MIN_LENGTH = 16
MAX_LENGTH = 512
"""Characters. A shorter one could be guessed, a longer one is a token."""

_TEXT = re.compile(rf"[!-~]{{{MIN_LENGTH},{MAX_LENGTH}}}")
_MARK = b"\xffsha256"


def is_possible(text: str) -> bool:
    """Whether a key of another system may look so: 16 to 512 printable characters of ASCII, without a space."""
    return _TEXT.fullmatch(text) is not None


def sha256_of(text: str) -> bytes:
    """32 bytes: what the other system may have kept of a key (FIPS 180-4)."""
    return hashlib.sha256(text.encode()).digest()


def digest(pepper: Pepper, sha256: bytes) -> bytes:
    """32 bytes: what is stored and looked up in place of a key with this SHA-256."""
    return pepper.digest_of(_MARK + sha256)


def digest_of_any(pepper: Pepper, key: str) -> bytes:
    """32 bytes: what is stored in place of this key, whichever system made it."""
    return digest(pepper, sha256_of(key)) if key_id_of(key) is None else pepper.digest(key)
