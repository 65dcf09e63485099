"""The admin token: who knows it may do everything in the registry."""

import hashlib
import hmac
import re

from extauth.settings.values import SecretError, SecretReference

_TOKEN = re.compile(r"[!-~]{16,}")  # what travels in a header as it is


class AdminToken:
    """Accepts `Bearer <token>`. Keeps only the token's SHA-256."""

    def __init__(self, token: str) -> None:
        """SecretError for a token that could be guessed or cannot stand in a header."""
        if not _TOKEN.fullmatch(token):
            raise SecretError(
                "the admin token must have 16 or more characters, all of them printable ASCII and no space"
            )
        self._digest = _digest(token)

    @classmethod
    def read(cls, reference: SecretReference) -> "AdminToken":
        """SecretError when it is missing or could be guessed."""
        return cls(reference.read())

    def accepts(self, authorization: str) -> bool:
        """Whether an `authorization` header has the token; the time this takes tells nothing about it."""
        scheme, _, token = authorization.partition(" ")
        return hmac.compare_digest(_digest(token), self._digest) and scheme.lower() == "bearer"


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
