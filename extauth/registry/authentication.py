"""Whose request it is: `Bearer <token>`, where the token is one of the database's or the one of the settings."""

import hashlib
import hmac
import re

from extauth.registry.admin_tokens import AdminTokens
from extauth.registry.identity import Identity, Role
from extauth.settings.values import SecretError, SecretReference

BOOTSTRAP = Identity("admin-token", Role.OWNER)
"""Who has the token of the settings."""

_TOKEN = re.compile(r"[!-~]{16,}")  # what travels in a header as it is
_SCHEME = "bearer"


class BootstrapToken:
    """The token of the settings. Keeps only its SHA-256."""

    def __init__(self, token: str) -> None:
        """SecretError for a token that could be guessed or cannot stand in a header."""
        if not _TOKEN.fullmatch(token):
            raise SecretError(
                "the admin token must have 16 or more characters, all of them printable ASCII and no space"
            )
        self._digest = _digest(token)

    @classmethod
    def read(cls, reference: SecretReference) -> "BootstrapToken":
        """SecretError when it is missing or could be guessed."""
        return cls(reference.read())

    @property
    def fingerprint(self) -> str:
        """Tells it from another one, and nothing else."""
        return hashlib.sha256(b"fingerprint" + self._digest).hexdigest()[:16]

    def is_(self, token: str) -> bool:
        """The time this takes tells nothing about it."""
        return hmac.compare_digest(_digest(token), self._digest)


class Authenticator:
    """Turns the `authorization` of a request into an identity."""

    def __init__(self, bootstrap: BootstrapToken | None, tokens: AdminTokens) -> None:
        self._bootstrap = bootstrap
        self._tokens = tokens

    def lets_somebody_in(self) -> bool:
        """Whether there is a token of an owner of all tenants; UnavailableError."""
        return self._bootstrap is not None or self._tokens.owner_exists()

    def identify(self, authorization: str) -> Identity | None:
        """None for anything that is no valid token; UnavailableError when the database has to be asked and is away.

        A token is looked up by its digest, so that the time of a look-up tells nothing about other tokens.
        """
        token = bearer_token(authorization)
        if not token:
            return None
        if self._bootstrap is not None and self._bootstrap.is_(token):
            return BOOTSTRAP
        return self._tokens.identify(token)


def bearer_token(authorization: str) -> str:
    """The token in a header `Bearer <token>`; empty when there is none."""
    scheme, _, token = authorization.partition(" ")
    return token if scheme.lower() == _SCHEME else ""


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
