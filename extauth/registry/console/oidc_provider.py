"""The OpenID provider: where people are sent to, and what becomes of the code that they come back with.

Authorization code flow with PKCE (OpenID Connect Core 1.0, 3.1; RFC 7636). The ID token is verified by the code that
verifies the tokens of API calls, with keys that a thread reads ahead.
"""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus, urlencode

from prometheus_client import CollectorRegistry

from extauth.bearer.claims import Refusal
from extauth.bearer.errors import IssuerUnavailableError
from extauth.bearer.http_client import HttpClient
from extauth.bearer.jwks import KeyRing
from extauth.bearer.jws import parse
from extauth.bearer.verify import TokenVerifier
from extauth.registry.console.oidc_attempt import Attempt
from extauth.registry.console.oidc_settings import OidcSettings
from extauth.registry.errors import UnavailableError
from extauth.telemetry.bearer_metrics import BearerMetrics

_MOST_AT_ONCE = 8  # of the threads that also serve the API
_PACE = 0.1  # seconds between looks for a new key
_KEY_PATIENCE = 2.0  # seconds for it to be read
_MAY_PASS = frozenset({Refusal.UNKNOWN_KEY, Refusal.KEYS_UNAVAILABLE})  # as soon as newer keys are read


class SignInRefusedError(Exception):
    """Who came back did not sign in there, or not for us; the text is for the log."""


class ProviderAwayError(Exception):
    """The provider did not answer in time, or not as it should; the text is for the log."""


class OidcProvider:
    """`start` and `stop` it; the other calls are for any thread. SecretError when the client's secret is missing."""

    def __init__(self, settings: OidcSettings) -> None:
        """UnavailableError without the extra `bearer`."""
        self._settings = settings
        self._secret = settings.client_secret.read() if settings.client_secret is not None else None
        issuer = settings.token_issuer()
        metrics = BearerMetrics(CollectorRegistry())  # these series are about API calls
        try:
            self._ring = KeyRing([issuer], metrics)
        except ModuleNotFoundError as error:
            text = f"console.oidc needs {error.name}: pip install 'extauth[bearer]'"
            raise UnavailableError(text) from None
        self._verifier = TokenVerifier([issuer], self._ring, metrics)
        self._free = threading.Semaphore(_MOST_AT_ONCE)
        self.fault = self._ring.fault

    def start(self) -> None:
        self._ring.start()

    def stop(self, timeout: float) -> None:
        """`timeout` in seconds."""
        self._ring.stop(timeout)

    def address(self, attempt: Attempt) -> str:
        """Where somebody is sent to sign in."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(attempt.verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._settings.redirect_url,
            "scope": " ".join(self._settings.scopes),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        separator = "&" if "?" in self._settings.authorization_url else "?"
        return f"{self._settings.authorization_url}{separator}{urlencode(query)}"

    def claims(self, code: str, attempt: Attempt, sender: str | None) -> Mapping[str, Any]:
        """What the provider says of who brings this code; SignInRefusedError, ProviderAwayError.

        `sender` is who sent them back, as providers tell by RFC 9207, so that none can speak for another.
        """
        if sender is not None and sender != self._settings.issuer:
            raise SignInRefusedError("somebody else sent the browser back")
        if not self._free.acquire(blocking=False):
            raise ProviderAwayError("too many people sign in at once")
        try:
            token = self._redeem(code, attempt)
            self._verify(token)
        finally:
            self._free.release()
        parsed = parse(token)
        assert parsed is not None  # it was verified
        self._check(parsed.members, attempt)
        return parsed.members

    def _redeem(self, code: str, attempt: Attempt) -> str:
        """The ID token for a code (RFC 6749, 4.1.3)."""
        settings = self._settings
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": settings.redirect_url}
        form |= {"code_verifier": attempt.verifier}
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        if self._secret is None:
            form["client_id"] = settings.client_id
        else:
            credentials = f"{quote_plus(settings.client_id)}:{quote_plus(self._secret)}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(credentials).decode()}"
        client = HttpClient(settings.token_url, settings.timeout, settings.ca_file)
        try:
            answer = json.loads(client.exchange("POST", headers, urlencode(form).encode()))
        except IssuerUnavailableError as error:
            if error.kind == "refused":
                raise SignInRefusedError(f"the code was not taken: {error}") from None
            raise ProviderAwayError(str(error)) from None
        except (ValueError, RecursionError):
            raise ProviderAwayError("the answer of the token endpoint is not JSON") from None
        finally:
            client.close()
        token = answer.get("id_token") if isinstance(answer, dict) else None
        if not isinstance(token, str):
            raise ProviderAwayError("the answer of the token endpoint has no ID token")
        return token

    def _verify(self, token: str) -> None:
        """A key that is not known yet is waited for: the provider may have changed its keys just now."""
        deadline = time.monotonic() + _KEY_PATIENCE
        while True:
            found = self._verifier.verify(token, time.time())
            if not isinstance(found, Refusal):
                return
            if found not in _MAY_PASS or time.monotonic() + _PACE > deadline:
                break
            time.sleep(_PACE)
        text = f"the ID token is refused: {found.value}"
        raise ProviderAwayError(text) if found.is_ours else SignInRefusedError(text)

    def _check(self, members: Mapping[str, Any], attempt: Attempt) -> None:
        """That the token was made for this attempt, and for us alone (OpenID Connect Core 1.0, 3.1.3.7)."""
        if members.get("nonce") != attempt.nonce:
            raise SignInRefusedError("the ID token is of another attempt")
        audience, party = members.get("aud"), members.get("azp")
        if isinstance(audience, list) and len(audience) > 1 and party is None:
            raise SignInRefusedError("the ID token is for several, and does not say who asked")
        if party is not None and party != self._settings.client_id:
            raise SignInRefusedError("the ID token was made for another client")
