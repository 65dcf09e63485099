"""Sessions of people: a signed cookie that says whose token began it, and nothing that we keep.

The token is looked up again for each request, so a session ends with it; for those who signed in with a provider, it is
what the settings grant. All replicas with the same first pepper honour the same sessions.
"""

import hashlib
import hmac
import json
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

from extauth.keys.digest import Pepper
from extauth.registry.admin_token import TokenState
from extauth.registry.admin_tokens import AdminTokens
from extauth.registry.authentication import BOOTSTRAP, Authenticator, BootstrapToken
from extauth.registry.console.oidc_people import OidcPeople, Person
from extauth.registry.errors import NotFoundError
from extauth.registry.identity import Identity

LONGEST = 8 * 3600
"""Seconds from signing in to the end of a session."""

_KEY_PURPOSE = "extauth console: key of sessions"
_CSRF_PURPOSE = b"csrf of "
_COOKIE = re.compile(
    r"(?P<said>(?P<subject>[A-Za-z0-9_=-]{1,1500})\.(?P<begun>[0-9]{1,16})\.[0-9a-f]{32})\.[0-9a-f]{64}"
)
_SETTINGS = "settings-"  # begins the subject of a session of the settings' token
_OIDC = "oidc-"  # and of one of somebody who signed in with a provider; ids of tokens have no hyphen


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who has signed in."""

    identity: Identity
    person: str
    """What the token is called, or the provider calls them: whom things are made by."""
    csrf: str
    """Stands in each form of this session, and in no other."""


class Sessions:
    """Each call may raise UnavailableError."""

    def __init__(
        self,
        authenticator: Authenticator,
        bootstrap: BootstrapToken | None,
        tokens: AdminTokens,
        pepper: Pepper,
        people: OidcPeople | None = None,
    ) -> None:
        self._authenticator = authenticator
        self._fingerprint = None if bootstrap is None else bootstrap.fingerprint
        self._tokens = tokens
        self._people = people
        self._key = pepper.digest(_KEY_PURPOSE)

    def begin(self, token: str) -> str | None:
        """The cookie of a new session of who has this token; None when the token is not valid."""
        identity = self._authenticator.identify(f"Bearer {token}")
        if identity is None:
            return None
        subject = f"{_SETTINGS}{self._fingerprint}" if identity == BOOTSTRAP else identity.name.rpartition(":")[2]
        return self._begun(subject)

    def begin_for(self, person: Person) -> str:
        """The cookie of a new session of somebody who has signed in with a provider."""
        return self._begun(_OIDC + urlsafe_b64encode(json.dumps(person, ensure_ascii=False).encode()).decode())

    def now(self) -> int:
        """Unix milliseconds."""
        return self._tokens.clock()

    def of(self, cookie: str) -> Session | None:
        """None for a cookie that we did not sign or that is too old, and when its token is no longer valid."""
        match = _COOKIE.fullmatch(cookie)
        if match is None:
            return None
        said = match["said"]
        if not hmac.compare_digest(cookie, f"{said}.{self.sign(said.encode())}"):
            return None
        if not 0 <= self._tokens.clock() - int(match["begun"]) < LONGEST * 1000:
            return None
        return self._session(match["subject"], self.sign(_CSRF_PURPOSE + said.encode()))

    def _session(self, subject: str, csrf: str) -> Session | None:
        if subject.startswith(_SETTINGS):
            known = subject == f"{_SETTINGS}{self._fingerprint}"
            return Session(BOOTSTRAP, "admin", csrf) if known else None
        if subject.startswith(_OIDC):
            person = Person(*json.loads(urlsafe_b64decode(subject.removeprefix(_OIDC))))
            identity = None if self._people is None else self._people.identity(person)
            return None if identity is None else Session(identity, person.name, csrf)
        try:
            token = self._tokens.show(subject)
        except NotFoundError:
            return None
        if token.state(self._tokens.clock()) is not TokenState.ACTIVE:
            return None
        return Session(token.identity, token.name, csrf)

    def _begun(self, subject: str) -> str:
        said = f"{subject}.{self._tokens.clock()}.{secrets.token_hex(16)}"
        return f"{said}.{self.sign(said.encode())}"

    def sign(self, text: bytes) -> str:
        """In hexadecimal; callers put before it what the signature is for."""
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()
