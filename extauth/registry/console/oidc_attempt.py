"""One attempt to sign in with a provider: what has to come back, kept in a signed cookie of the browser meanwhile.

The cookie is SameSite=Lax: it has to come along when the provider sends the browser back.
"""

import hmac
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple

from starlette.responses import Response

from extauth.registry.console.session import Sessions

_PLAIN, _HOST = "extauth-console-oidc", "__Host-extauth-console-oidc"
COOKIES = (_HOST, _PLAIN)
"""Names. Browsers take the first one over TLS alone."""
LIFETIME = 600
"""Seconds to sign in there."""
_PURPOSE = b"oidc attempt of "
_BYTES = 32


class Attempt(NamedTuple):
    """What only the browser that began it knows, and where it wants to go."""

    state: str
    nonce: str
    verifier: str
    """Of PKCE: 43 characters of base64url (RFC 7636, 4.1)."""
    wanted: str
    begun: int
    """Unix milliseconds."""


def new_attempt(wanted: str, now: int) -> Attempt:
    state, nonce, verifier = (secrets.token_urlsafe(_BYTES) for _ in range(3))
    return Attempt(state, nonce, verifier, wanted, now)


def give(answer: Response, attempt: Attempt, sessions: Sessions, *, over_tls: bool) -> None:
    said = urlsafe_b64encode(json.dumps(attempt).encode()).decode()
    cookie = f"{said}.{sessions.sign(_PURPOSE + said.encode())}"
    name = _HOST if over_tls else _PLAIN
    answer.set_cookie(name, cookie, max_age=LIFETIME, path="/", secure=over_tls, httponly=True, samesite="lax")


def take(answer: Response, *, over_tls: bool) -> None:
    name = _HOST if over_tls else _PLAIN
    answer.delete_cookie(name, path="/", secure=over_tls, httponly=True, samesite="lax")


def attempt_of(cookie: str, state: str, sessions: Sessions) -> Attempt | None:
    """None for a cookie that we did not sign or that is too old, and for a state that is not its own."""
    said, _, signature = cookie.partition(".")
    if not cookie.isascii() or not hmac.compare_digest(signature, sessions.sign(_PURPOSE + said.encode())):
        return None
    attempt = Attempt(*json.loads(urlsafe_b64decode(said)))
    is_fresh = 0 <= sessions.now() - attempt.begun < LIFETIME * 1000
    return attempt if is_fresh and hmac.compare_digest(attempt.state.encode(), state.encode()) else None
