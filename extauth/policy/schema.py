"""The policy: which requests belong to which API, who may call it, what for, and how much."""

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from extauth.policy.client_address import ClientAddress
from extauth.policy.credentials import CredentialSource
from extauth.policy.errors import Errors
from extauth.policy.limits import Limit
from extauth.policy.names import HeaderName, Host, Method, Name, Path, PathPattern, Scope, SettableHeader
from extauth.policy.outage import ApiOutageSettings
from extauth.policy.rate_limit_headers import RateLimitHeaders
from extauth.settings.model import Settings

_VARIABLE = re.compile(r"\{([a-z_]+)\}")


def _refuse_twice(names: Sequence[str], what: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two {what} are named {name!r}: use a name for each")


class Match(Settings):
    """A request matches when it meets each condition given; none given matches all requests."""

    hosts: tuple[Host, ...] = ()
    """`api.example.com`, `*.example.com` (one or more labels), `*`; port and case do not matter."""
    paths: tuple[Path, ...] = ()
    """`/v1` is that path and all below it; `=/v1` just that one."""
    methods: tuple[Method, ...] = ()
    """HTTP methods, in capitals."""
    context: dict[str, str] = Field(default_factory=dict)
    """Values of Envoy's `context_extensions`, which only its route configuration can set."""


class TenantSource(Settings):
    """Where a request says whose data it is for. The key must belong to that tenant."""

    host: str | None = Field(default=None, pattern=r"^[a-z0-9.-]*\{tenant\}[a-z0-9.-]*$")
    """`{tenant}.example.com`: one label of the host, or a part of it."""
    path: PathPattern | None = None
    """`/v1/workspaces/{tenant}`: one segment of the path."""
    header: HeaderName | None = None
    """A header whose value is the tenant."""
    required: bool = True
    """Whether a request that names no tenant is refused; else it is for the key's own."""

    @model_validator(mode="after")
    def _one_place(self) -> "TenantSource":
        if sum(place is not None for place in (self.host, self.path, self.header)) != 1:
            raise ValueError("the tenant stands in one place: use one of host, path and header")
        if self.path is not None and _VARIABLE.findall(self.path) != ["tenant"]:
            raise ValueError("the path does not tell the tenant: use {tenant} once as a segment of it")
        return self


class Permission(Settings):
    """What a request needs; of an API's permissions the first one that matches counts."""

    methods: tuple[Method, ...] = ()
    """HTTP methods it is for; all when left out."""
    paths: tuple[PathPattern, ...] = ()
    """Paths it is for; all when left out. `{name}` matches a segment, which `scopes` may then name."""
    scopes: tuple[Scope, ...] = ()
    """Scopes that the caller must have, all of them."""
    any_of: tuple[Scope, ...] = ()
    """Scopes of which the caller must have one."""

    @model_validator(mode="after")
    def _variables_are_bound(self) -> "Permission":
        used = {name for scope in (*self.scopes, *self.any_of) for name in _VARIABLE.findall(scope)}
        for name in used:
            if not self.paths or any(f"{{{name}}}" not in path for path in self.paths):
                raise ValueError(f"the scope's {{{name}}} is not in each path: use it as a segment of `paths`")
        return self


class UpstreamHeaders(Settings):
    """Names of the request headers that tell the upstream who calls; what a client sent in them is replaced."""

    key_id: SettableHeader = "x-auth-key-id"
    """The public id of the key, or the subject of a token."""
    tenant: SettableHeader = "x-auth-tenant"
    """The tenant that the key belongs to."""
    name: SettableHeader | None = None
    """The name of the key, with characters outside ASCII percent-encoded."""
    scopes: SettableHeader | None = None
    """The scopes, separated by spaces."""
    plan: SettableHeader | None = None
    """The plan."""

    @model_validator(mode="after")
    def _distinct(self) -> "UpstreamHeaders":
        _refuse_twice([name for name in self.model_dump().values() if name], "upstream_headers")
        return self


class Api(Settings):
    """One API: the requests that belong to it and the rules for them."""

    name: Name
    """Names the API in metrics and in Redis."""
    match: Match = Match()
    """Which requests belong to it. The first API in the file that matches is the one."""
    credentials: tuple[CredentialSource, ...] = Field(min_length=1)
    """Where the key or token may stand. One in two places at once is refused."""
    tenant: TenantSource | None = None
    """Where the request names a tenant; left out, it is for the key's own."""
    scopes: tuple[Scope, ...] = ()
    """Scopes that every caller must have, all of them."""
    permissions: tuple[Permission, ...] = ()
    """Scopes by method and path. With any given, a request that matches none of them is refused."""
    limits: tuple[Limit, ...] = Field(default=(), max_length=8)
    """All buckets that a request must find a token in."""
    client_address: ClientAddress = ClientAddress()
    """Where the address stands that limits `by: address` and `key_guessing` count by."""
    rate_limit_headers: RateLimitHeaders = RateLimitHeaders()
    """How callers learn of their limits."""
    upstream_headers: UpstreamHeaders = UpstreamHeaders()
    """How the upstream learns who calls."""
    errors: Errors = Field(default_factory=dict)
    """What refused callers are told, by reason; goes before the file's own `errors`."""

    outage: ApiOutageSettings = ApiOutageSettings()
    """What it does while Redis is away."""

    @model_validator(mode="after")
    def _limits_have_names_of_their_own(self) -> "Api":
        _refuse_twice([limit.name for limit in self.limits], "limits")
        return self

    @model_validator(mode="after")
    def _nobody_needs_no_rights(self) -> "Api":
        if self.outage.unknown_keys == "let_anyone_in":
            if self.tenant is not None:
                raise ValueError("its data belongs to tenants, so nobody may be let in: use `unknown_keys: error`")
            open_to_all = any(not (permission.scopes or permission.any_of) for permission in self.permissions)
            if self.scopes or (self.permissions and not open_to_all):
                raise ValueError("it needs scopes, which nobody has who is let in: use `unknown_keys: error`")
        return self


def _distinct(apis: tuple[Api, ...]) -> tuple[Api, ...]:
    _refuse_twice([api.name for api in apis], "apis")
    return apis


Apis = Annotated[tuple[Api, ...], Field(min_length=1), AfterValidator(_distinct)]
