"""The policy: which requests belong to which API, where their key is, what it must allow, and how much."""

import re
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from extauth.settings.model import Settings
from extauth.settings.values import Rate

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
"""Lower-case letters, digits, dot, underscore and hyphen; metrics carry it as a label."""
HeaderName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$"), AfterValidator(lambda name: str(name).lower())
]
"""An HTTP field name (RFC 9110, token), in any case."""
Scope = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9:._/*-]{0,63}$")]

_HOST = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\*")
_NOT_SETTABLE = frozenset({"host", "content-length", "connection", "transfer-encoding", "te", "upgrade"})


def _host(value: str) -> str:
    host = value.lower()
    if not _HOST.fullmatch(host):
        raise ValueError(f"{value!r} is not a host: use a name, *.a.name or *, without a port")
    return host


def _path(value: str) -> str:
    if not value.startswith("/") or any(character in value for character in "?#%;\\ "):
        raise ValueError(f"{value!r} is not a path: use /a/path for it and all below, or =/a/path for just that one")
    return value


def _path_or_exact(value: str) -> str:
    return "=" + _path(value[1:]) if value.startswith("=") else _path(value)


def _settable(name: str) -> str:
    if name in _NOT_SETTABLE or name.startswith((":", "x-envoy-")):
        raise ValueError(f"{name!r} belongs to HTTP or to Envoy: use a name of your own")
    return name


class Match(Settings):
    """A request matches when it meets each condition given; none given matches all requests."""

    hosts: tuple[Annotated[str, AfterValidator(_host)], ...] = ()
    """`api.example.com`, `*.example.com` (one or more labels), `*`; port and case do not matter."""
    paths: tuple[Annotated[str, AfterValidator(_path_or_exact)], ...] = ()
    """`/v1` is that path and all below it; `=/v1` just that one."""
    methods: tuple[Annotated[str, Field(pattern=r"^[A-Z]{1,32}$")], ...] = ()
    """HTTP methods, in capitals."""
    context: dict[str, str] = Field(default_factory=dict)
    """Values of Envoy's `context_extensions`, which only its route configuration can set."""


class CredentialSource(Settings):
    """A place where a key may stand."""

    header: HeaderName
    """Name of a request header."""
    scheme: Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,32}$")] | None = None
    """Word before the key, such as `Bearer`, in any case. Left out: the header's value is the key."""


class Limit(Settings):
    """A token bucket, one for each key or tenant."""

    name: Name
    """Names the bucket in metrics and in Redis."""
    by: Literal["key", "tenant"]
    """Who shares a bucket."""
    rate: Rate
    """How fast it fills: `10/s`, `1000/min`, `5000/12h`."""
    burst: int | None = Field(default=None, ge=1, le=1_000_000_000)
    """How many requests it holds; the rate's own number when left out."""


class UpstreamHeaders(Settings):
    """Names of the request headers that tell the upstream who calls; what a client sent in them is replaced."""

    key_id: Annotated[HeaderName, AfterValidator(_settable)] = "x-auth-key-id"
    """The public id of the key."""
    tenant: Annotated[HeaderName, AfterValidator(_settable)] = "x-auth-tenant"
    """The tenant that the key belongs to."""


class Api(Settings):
    """One API: the requests that belong to it and the rules for them."""

    name: Name
    """Names the API in metrics and in Redis."""
    match: Match = Match()
    """Which requests belong to it. The first API in the file that matches is the one."""
    credentials: tuple[CredentialSource, ...] = Field(min_length=1)
    """Where the key may stand. A key in two places at once is refused."""
    scopes: tuple[Scope, ...] = ()
    """Scopes that a key must have, all of them."""
    limits: tuple[Limit, ...] = Field(default=(), max_length=8)
    """All buckets that a request must find a token in."""
    upstream_headers: UpstreamHeaders = UpstreamHeaders()
    """How the upstream learns who calls."""

    @model_validator(mode="after")
    def _limits_have_names_of_their_own(self) -> "Api":
        _refuse_twice([limit.name for limit in self.limits], "limits")
        return self


def _refuse_twice(names: Sequence[str], what: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two {what} are named {name!r}: use a name for each")


def _distinct(apis: tuple[Api, ...]) -> tuple[Api, ...]:
    _refuse_twice([api.name for api in apis], "apis")
    return apis


Apis = Annotated[tuple[Api, ...], Field(min_length=1), AfterValidator(_distinct)]
