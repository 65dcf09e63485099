"""Who somebody is for the registry, from what a provider says of them and what the settings make of it."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from extauth.registry.console.oidc_settings import OidcGrant, OidcSettings
from extauth.registry.identity import Identity

_LONGEST = 100


class Person(NamedTuple):
    """Stands in the cookie of a session."""

    subject: str
    """The name of their identity: `oidc:` and the provider's `sub`."""
    name: str
    grant: str
    """Fingerprint of what was granted: a session ends when the settings no longer grant it."""


class OidcPeople:
    """What the settings grant."""

    def __init__(self, settings: OidcSettings) -> None:
        self._settings = settings
        self._grants = {self._fingerprint(grant): grant for grant in settings.grants}

    def person(self, claims: Mapping[str, Any]) -> Person | None:
        """None for whom nothing is granted. `sub` is there, and a string."""
        held = set(_texts(claims.get(self._settings.claim)))
        for fingerprint, grant in self._grants.items():
            if grant.value in held:
                name = claims.get(self._settings.name_claim)
                return Person(_subject(claims["sub"]), _name(name) or _name(claims["sub"]) or "somebody", fingerprint)
        return None

    def identity(self, person: Person) -> Identity | None:
        """None when what was granted no longer is."""
        grant = self._grants.get(person.grant)
        return None if grant is None else Identity(person.subject, grant.role, grant.tenant)

    def _fingerprint(self, grant: OidcGrant) -> str:
        settings = self._settings
        said = (settings.issuer, settings.client_id, settings.claim, grant.value, grant.role.value, grant.tenant or "")
        return hashlib.sha256("\0".join(said).encode()).hexdigest()[:16]


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 (JSON of any shape)
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, str):
            yield one


def _subject(sub: str) -> str:
    """As it is where that can be written into the audit trail, or else its digest."""
    plain = f"oidc:{sub}"
    if len(plain) <= _LONGEST and sub.isascii() and sub.isprintable() and " " not in sub:
        return plain
    return f"oidc-sha256:{hashlib.sha256(sub.encode(errors='surrogatepass')).hexdigest()}"


def _name(value: Any) -> str:  # noqa: ANN401 (JSON of any shape)
    return value if isinstance(value, str) and 0 < len(value) <= _LONGEST and value.isprintable() else ""
