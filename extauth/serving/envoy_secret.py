"""Telling our Envoy from others who can connect."""

import hmac
from collections.abc import Iterable

from extauth.policy.envoy_secret import EnvoySecretSettings
from extauth.settings.values import SecretError, SecretReference

Metadata = Iterable[tuple[str, str | bytes]]
"""Of a call, names in lower case."""

_SHORTEST = 16  # characters


class EnvoySecret:
    """Raises SecretError when it cannot be read or is too short."""

    def __init__(self, settings: EnvoySecretSettings) -> None:
        self._header = settings.header
        self._accepted = [_read(reference) for reference in settings.accepted]

    @property
    def header(self) -> str:
        """The name that it is sent under."""
        return self._header

    def is_in(self, metadata: Metadata) -> bool:
        """Whether the call has one that is accepted, and no other beside it."""
        sent = [value for name, value in metadata if name == self._header]
        if len(sent) != 1:
            return False
        value = sent[0] if isinstance(sent[0], bytes) else sent[0].encode()
        return any(hmac.compare_digest(value, accepted) for accepted in self._accepted)


def _read(reference: SecretReference) -> bytes:
    secret = reference.read().encode()
    if len(secret) < _SHORTEST:
        raise SecretError(
            f"an envoy_secret has fewer than {_SHORTEST} characters: make one with `openssl rand -hex 32`"
        )
    return secret
