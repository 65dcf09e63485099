"""What a bootstrap is made from."""

from collections.abc import Mapping
from dataclasses import dataclass, field

FAILURE_MODE_HEADER = "x-envoy-auth-failure-mode-allowed"
"""Tells an upstream that a request passed unchecked. Envoy does not strip a client's copy."""

PLAIN_CHECK_HEADERS = ("content-type", "x-request-id", "x-envoy-external-address")
"""What the sidecar reads besides credentials: gRPC or not, an id for the logs, the client's address."""


ENVOY_VARIABLE = "EXTAUTH_ENVOY_SECRET"

TRACE_HEADERS = ("traceparent", "tracestate")
"""What it reads when it traces: the trace that a request belongs to (W3C Trace Context)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteParameters:
    """One route to the upstream: the path `prefix` and all below it.

    `context` reaches the sidecar as `context_extensions`; clients cannot set it.
    """

    prefix: str = "/"
    context: Mapping[str, str] = field(default_factory=dict)
    checked: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SidecarTls:
    """How Envoy speaks TLS to the sidecar. Paths as Envoy sees them; it reads them when it starts."""

    ca_file: str
    """Who signs the sidecar's certificate."""
    name: str
    """The host or address that stands in it."""
    certificate_file: str | None = None
    """Envoy's own, where the sidecar asks for one."""
    key_file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvoyParameters:
    """Addresses are `host:port` or `unix:/path`; Envoy looks the names of hosts up; times are seconds."""

    listen: str
    admin: str
    sidecars: tuple[str, ...]
    """One address for each sidecar process."""
    upstream: str
    identity_headers: tuple[str, ...]
    """What the sidecar tells the upstream in; removed from each request before it is checked."""
    check_headers: tuple[str, ...] = ()
    """The request headers that the sidecar is sent; all of them when empty."""
    routes: tuple[RouteParameters, ...] = (RouteParameters(),)
    """The first one that matches is taken."""
    encode_raw_headers: bool = True
    """Send headers as they came, one by one, so that a repeated credential is seen as such."""
    check_timeout: float = 0.25
    trusted_hops: int = 0
    """Proxies in front of Envoy whose X-Forwarded-For entries are believed."""
    sidecar_tls: SidecarTls | None = None
    """None: in the clear, as on unix sockets."""
    secret_header: str | None = None
    """Where the sidecar wants its secret, which Envoy takes from the environment variable ENVOY_VARIABLE."""
