"""Whose bearer tokens are accepted: issuers of JWTs, and authorization servers that are asked about opaque tokens."""

import ipaddress
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from extauth.settings.model import Settings
from extauth.settings.values import Duration, SecretError, SecretReference

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512"
]
HMAC_ALGORITHMS = frozenset({"HS256", "HS384", "HS512"})

_Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
"""As names in the policy: lower-case letters, digits, dot, underscore and hyphen; metrics carry it as a label."""
_Text = Annotated[str, Field(min_length=1, max_length=512)]
_ClaimPath = Annotated[str, Field(min_length=1, max_length=256)]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc and not parts.fragment
    except ValueError:
        return False


def _url(value: str) -> str:
    if not value.isascii() or not value.isprintable() or " " in value or not _is_url(value):
        raise ValueError("is not a URL that can be asked: use https://host/path, without credentials or a fragment")
    parts = urlsplit(value)
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        return value
    raise ValueError(f"{value!r} is not protected by TLS: use https://; http:// is for loopback addresses only")


Url = Annotated[str, AfterValidator(_url)]


class ClaimNames(Settings):
    """Which claims say who calls. `a.b` is member b of claim a, unless there is a claim named `a.b`."""

    subject: _ClaimPath = "sub"
    """Required in every token: limits, logs and revocation go by it."""
    tenant: _ClaimPath | None = None
    """Required in every token when set."""
    scopes: _ClaimPath = "scope"
    """A string with spaces between scopes (RFC 8693, RFC 9068) or a list of strings; absent means no scopes."""
    plan: _ClaimPath | None = None
    """Absent means no plan."""


class JwksSettings(Settings):
    """A key set published by the issuer (RFC 7517), fetched ahead and never on behalf of a request."""

    url: Url
    """The issuer's `jwks_uri`. Redirects are not followed."""
    refresh: Duration = Field(default=300.0, ge=10, le=86400)
    """How often it is fetched. A key id that is not known causes one more fetch, at most every 10s."""
    timeout: Duration = Field(default=2.0, gt=0, le=30)
    """Longest time for one fetch as a whole."""
    ca_file: Path | None = None
    """CA bundle in PEM for https://; the system's when left out."""


class IssuerSettings(Settings):
    """Who signs JWTs, with which keys, and what its tokens must say. Keys come from one of jwks, keys_file, secret."""

    name: _Name
    """Names the issuer in metrics and in the policy."""
    issuer: _Text
    """The exact `iss` of its tokens."""
    audiences: Annotated[tuple[_Text, ...], Field(min_length=1)]
    """A token must have one of these in `aud`."""
    jwks: JwksSettings | None = None
    """A key set on the network."""
    keys_file: Path | None = None
    """Public keys on disk: a JWKS document, or PEM public keys and certificates. Read again when it changes."""
    secret: SecretReference | None = Field(default=None, validate_default=True)
    """A shared secret for HS256 (32 bytes or more), HS384 (48) or HS512 (64)."""
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1, validate_default=True)] = ("RS256", "ES256")
    """Signature algorithms accepted (RFC 7518, RFC 8037). `none` never is."""
    leeway: Duration = Field(default=30.0, ge=0, le=300)
    """How far the issuer's clock may be off when `exp`, `nbf` and `iat` are judged."""
    max_age: Duration | None = Field(default=None, gt=0)
    """Refuse tokens issued (`iat`) longer ago than this; they must then say when they were."""
    required_type: _Text | None = None
    """The `typ` that tokens must have, such as at+jwt (RFC 9068)."""
    claims: ClaimNames = ClaimNames()

    @field_validator("secret")
    @classmethod
    def _one_place(cls, secret: SecretReference | None, info: ValidationInfo) -> SecretReference | None:
        # A field with a fault of its own is not in info.data; it was given all the same.
        given = [name for name in ("jwks", "keys_file") if info.data.get(name, ...) is not None]
        if len(given) + (secret is not None) != 1:
            raise ValueError("an issuer's keys come from one place: use either jwks, keys_file or secret")
        return secret

    @field_validator("algorithms")
    @classmethod
    def _algorithms_fit_the_keys(cls, algorithms: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if "secret" not in info.data:
            return algorithms
        shared = info.data["secret"] is not None
        wrong = [algorithm for algorithm in algorithms if (algorithm in HMAC_ALGORITHMS) != shared]
        if wrong and shared:
            raise ValueError(f"{', '.join(wrong)} cannot go with a shared secret: use HS256, HS384 or HS512")
        if wrong:
            raise ValueError(f"{', '.join(wrong)} must go with a shared secret: use RS256, PS256, ES256 or EdDSA")
        return algorithms

    def read_secret(self) -> bytes | None:
        """The shared secret, None when there is none; SecretError when it is missing or too short (RFC 7518, 3.2)."""
        if self.secret is None:
            return None
        secret = self.secret.read().encode()
        needed = max(int(algorithm[2:]) // 8 for algorithm in self.algorithms)
        if len(secret) < needed:
            raise SecretError(
                f"the secret of issuer {self.name!r} has {len(secret)} bytes; "
                f"{', '.join(self.algorithms)} needs at least {needed}"
            )
        return secret


class IntrospectionSettings(Settings):
    """An authorization server that is asked about tokens (RFC 7662)."""

    name: _Name
    """Names it in metrics and in the policy."""
    url: Url
    """The introspection endpoint. Redirects are not followed."""
    client_id: _Text
    """Who asks; sent with the secret as HTTP Basic authentication (RFC 6749, 2.3.1)."""
    client_secret: SecretReference
    timeout: Duration = Field(default=1.0, gt=0, le=10)
    """Longest time for one question as a whole."""
    cache: Duration = Field(default=30.0, ge=0, le=3600)
    """How long an active token is not asked about again; a revocation takes that long to be seen."""
    negative_cache: Duration = Field(default=5.0, ge=0, le=300)
    """The same for a token that was refused."""
    ca_file: Path | None = None
    """CA bundle in PEM for https://; the system's when left out."""
    issuer: _Text | None = None
    """The exact `iss` that answers must have, when set."""
    audiences: tuple[_Text, ...] = ()
    """Answers must have one of these in `aud`, when set."""
    claims: ClaimNames = ClaimNames()


class BearerSettings(Settings):
    """All issuers of tokens."""

    issuers: tuple[IssuerSettings, ...] = Field(default=(), max_length=64)
    """JWTs are told apart by their `iss`."""
    introspection: tuple[IntrospectionSettings, ...] = Field(default=(), max_length=16)
    """Servers that know opaque tokens."""

    @field_validator("issuers")
    @classmethod
    def _one_each(cls, issuers: tuple[IssuerSettings, ...]) -> tuple[IssuerSettings, ...]:
        _refuse_twice([issuer.issuer for issuer in issuers], "issuers have the `iss`")
        _refuse_twice([issuer.name for issuer in issuers], "issuers are named")
        return issuers

    @field_validator("introspection")
    @classmethod
    def _names_differ(
        cls, servers: tuple[IntrospectionSettings, ...], info: ValidationInfo
    ) -> tuple[IntrospectionSettings, ...]:
        issuers = [issuer.name for issuer in info.data.get("issuers", ())]
        _refuse_twice([*issuers, *(server.name for server in servers)], "issuers are named")
        return servers


def _refuse_twice(values: list[str], what: str) -> None:
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"two {what} {value!r}: use one for each")
