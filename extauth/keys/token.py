"""The text of an API key: `<prefix>_<key id>_<secret><checksum>`.

prefix    1 to 32 characters, lower-case letters, digits and inner underscores; secret scanners match it
key id    12 base62 characters, public: logs and support may show it
secret    32 base62 characters from the system's random source: 190 bits
checksum  6 base62 characters, CRC-32 (ISO 3309) of all that stands before it; a typo or junk is refused
          without a lookup. It proves nothing about who made the key.
"""

import re
import secrets
import zlib
from dataclasses import dataclass

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
KEY_ID_LENGTH = 12
SECRET_LENGTH = 32
CHECKSUM_LENGTH = 6
PREFIX_PATTERN = re.compile(r"[a-z0-9](?:[a-z0-9_]{0,30}[a-z0-9])?")

_TAIL_LENGTH = KEY_ID_LENGTH + 1 + SECRET_LENGTH + CHECKSUM_LENGTH
_BASE62 = frozenset(BASE62)


@dataclass(frozen=True, slots=True)
class Token:
    """A key as it is shown once. `repr` hides the secret."""

    prefix: str
    key_id: str
    secret: str

    def __str__(self) -> str:
        body = f"{self.prefix}_{self.key_id}_{self.secret}"
        return body + checksum(body)

    def __repr__(self) -> str:
        return f"Token({self.prefix}_{self.key_id}_...)"


def generate(prefix: str) -> Token:
    """Make a key that nobody has; ValueError for a prefix outside the format."""
    if not PREFIX_PATTERN.fullmatch(prefix):
        raise ValueError(f"key prefix {prefix!r}: use 1 to 32 of a-z, 0-9 and inner underscores")
    return Token(prefix, new_key_id(), _random(SECRET_LENGTH))


def new_key_id() -> str:
    """A public id that no key has."""
    return _random(KEY_ID_LENGTH)


def checksum(body: str) -> str:
    """CRC-32 of `body` (ASCII) as 6 base62 digits, most significant first."""
    rest = zlib.crc32(body.encode("ascii"))
    digits = ""
    for _ in range(CHECKSUM_LENGTH):
        rest, digit = divmod(rest, 62)
        digits = BASE62[digit] + digits
    return digits


def key_id_of(text: str) -> str | None:
    """The public key id in a well-formed key, or None for anything that `generate` cannot have made."""
    split = len(text) - _TAIL_LENGTH
    # A prefix and its underscore come first, and another underscore parts key id and secret.
    if split < 2 or text[split - 1] != "_" or text[split + KEY_ID_LENGTH] != "_" or not text.isascii():  # noqa: PLR2004 (the shortest prefix and "_")
        return None
    key_id = text[split : split + KEY_ID_LENGTH]
    secret_and_checksum = text[split + KEY_ID_LENGTH + 1 :]
    if not _BASE62.issuperset(key_id) or not _BASE62.issuperset(secret_and_checksum):
        return None
    if checksum(text[:-CHECKSUM_LENGTH]) != text[-CHECKSUM_LENGTH:]:
        return None
    return key_id


def prefix_of(text: str) -> str:
    """What stands before the key id of a well-formed key."""
    return text[: -_TAIL_LENGTH - 1]


def _random(length: int) -> str:
    return "".join(secrets.choice(BASE62) for _ in range(length))
