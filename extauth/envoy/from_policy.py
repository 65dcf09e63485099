"""What a sidecar's own settings say about the Envoy in front of it."""

from collections.abc import Iterator, Sequence

from extauth.envoy.parameters import PLAIN_CHECK_HEADERS, TRACE_HEADERS, EnvoyParameters
from extauth.policy.dimensions import header_of
from extauth.policy.endpoints import endpoints
from extauth.policy.schema import Api
from extauth.policy.settings import SidecarSettings

_SHORTEST_CHECK_TIMEOUT = 0.25  # seconds: the first check of a cold sidecar takes a while
_LOOPBACKS = {"*:": "127.0.0.1:", "0.0.0.0:": "127.0.0.1:", "[::]:": "[::1]:"}
_ROUND_TRIP = 0.1  # seconds that Envoy waits longer than the sidecar does, so that the sidecar's answer arrives


def envoy_for(settings: SidecarSettings, *, listen: str, admin: str, upstream: str) -> EnvoyParameters:
    """An Envoy that asks this sidecar about all requests. Addresses as in EnvoyParameters."""
    return EnvoyParameters(
        listen=listen,
        admin=admin,
        upstream=upstream,
        sidecars=tuple(map(_reachable, endpoints(settings.listen.grpc, settings.workers))),
        identity_headers=identity_headers(settings.apis),
        check_headers=(*check_headers(settings.apis), *(TRACE_HEADERS if settings.tracing.endpoint else ())),
        secret_header=None if settings.listen.envoy_secret is None else settings.listen.envoy_secret.header,
        check_timeout=max(_SHORTEST_CHECK_TIMEOUT, settings.check.timeout + _ROUND_TRIP),
    )


def _reachable(address: str) -> str:
    """Where a sidecar beside Envoy is found that listens on every interface."""
    for every, loopback in _LOOPBACKS.items():
        if address.startswith(every):
            return loopback + address.removeprefix(every)
    return address


def identity_headers(apis: Sequence[Api]) -> tuple[str, ...]:
    """The headers that tell an upstream who calls: no client may set them."""
    names = [name for api in apis for name in api.upstream_headers.model_dump().values() if name]
    return tuple(dict.fromkeys(names))


def check_headers(apis: Sequence[Api]) -> tuple[str, ...]:
    """The headers that the sidecar reads: credentials, what limits count by, and a few that every check needs."""
    sources = [source for api in apis for source in api.credentials]
    credentials = [source.header or "cookie" for source in sources if source.query is None]
    tenants = [api.tenant.header for api in apis if api.tenant is not None and api.tenant.header is not None]
    limits = [name for api in apis for name in _limit_headers(api)]
    return tuple(dict.fromkeys([*credentials, *tenants, *limits, *PLAIN_CHECK_HEADERS]))


def _limit_headers(api: Api) -> Iterator[str]:
    for limit in api.limits:
        yield from filter(None, (*map(header_of, limit.by), limit.cost.header))
    if api.client_address.header is not None:
        yield api.client_address.header
