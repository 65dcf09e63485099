"""Asking an authorization server about a token (RFC 7662), and judging what it says."""

import base64
import json
from urllib.parse import quote_plus, urlencode

from extauth.bearer.claims import Claims, Members, Refusal, Times, has_audience, read_claims, times_of
from extauth.bearer.errors import IssuerUnavailableError
from extauth.bearer.http_client import HttpClient
from extauth.bearer.settings import IntrospectionSettings


class AuthorizationServer:
    """One introspection endpoint. SecretError when the client's secret is missing."""

    def __init__(self, settings: IntrospectionSettings) -> None:
        self._settings = settings
        self._audiences = frozenset(settings.audiences)
        credentials = f"{quote_plus(settings.client_id)}:{quote_plus(settings.client_secret.read())}"
        self._headers = {
            "Accept": "application/json",
            "Authorization": "Basic " + base64.b64encode(credentials.encode()).decode(),
            "Content-Type": "application/x-www-form-urlencoded",
        }

    def connect(self) -> HttpClient:
        """A connection for one thread."""
        return HttpClient(self._settings.url, self._settings.timeout, self._settings.ca_file)

    def ask(self, client: HttpClient, token: str) -> Members:
        """What the server says of the token; `active` is true or false in it. IssuerUnavailableError."""
        body = urlencode({"token": token, "token_type_hint": "access_token"}).encode()
        answer = client.exchange("POST", self._headers, body)
        try:
            members = json.loads(answer)
        except (ValueError, RecursionError):
            raise IssuerUnavailableError("reply", "the answer is not JSON") from None
        if not isinstance(members, dict) or not isinstance(members.get("active"), bool):
            raise IssuerUnavailableError("reply", "the answer does not say whether the token is active")
        return members

    def judge(self, members: Members, now: float) -> Claims | Refusal:
        """`now` in Unix seconds. Without `exp` the token has no bound that is known here."""
        if not members["active"]:
            return Refusal.INACTIVE
        times = times_of(members)
        if isinstance(times, Refusal):
            return times
        refusal = self._wrong_party(members) or _wrong_time(times, now)
        return refusal or read_claims(self._settings.name, self._settings.claims, members, times)

    def _wrong_party(self, members: Members) -> Refusal | None:
        if self._settings.issuer is not None and members.get("iss") != self._settings.issuer:
            return Refusal.UNKNOWN_ISSUER
        return Refusal.WRONG_AUDIENCE if self._audiences and not has_audience(members, self._audiences) else None


def _wrong_time(times: Times, now: float) -> Refusal | None:
    if times.expires is not None and now >= times.expires:
        return Refusal.EXPIRED
    return Refusal.NOT_YET_VALID if times.not_before is not None and now < times.not_before else None
