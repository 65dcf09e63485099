"""How Envoy reads requests: one meaning for each path, no header that a client may not set."""

from collections.abc import Sequence
from datetime import timedelta

from envoy_data_plane.envoy.config.common.mutation_rules.v3 import HeaderMutation
from envoy_data_plane.envoy.config.core.v3 import (
    Http2ProtocolOptions,
    HttpProtocolOptions,
    HttpProtocolOptionsHeadersWithUnderscoresAction,
    TypedExtensionConfig,
)
from envoy_data_plane.envoy.config.route.v3 import Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost
from envoy_data_plane.envoy.extensions.filters.http.router.v3 import Router
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import (
    HttpConnectionManager,
    HttpConnectionManagerCodecType,
    HttpConnectionManagerPathWithEscapedSlashesAction,
    HttpFilter,
)
from envoy_data_plane.envoy.extensions.http.early_header_mutation.header_mutation.v3 import (
    HeaderMutation as EarlyHeaderMutation,
)
from envoy_data_plane.google.protobuf import Any

from extauth.envoy.clusters import UPSTREAM_CLUSTER
from extauth.envoy.ext_authz_filter import FILTER_NAME, ext_authz_filter, route_context, unchecked_route
from extauth.envoy.parameters import FAILURE_MODE_HEADER, EnvoyParameters, RouteParameters

_HTTP2 = Http2ProtocolOptions(
    max_concurrent_streams=100, initial_stream_window_size=65536, initial_connection_window_size=1_048_576
)


def http_connection_manager(parameters: EnvoyParameters) -> HttpConnectionManager:
    """HTTP/1.1 and HTTP/2 without TLS; the filters are the check and the router."""
    return HttpConnectionManager(
        stat_prefix="ingress",
        codec_type=HttpConnectionManagerCodecType.AUTO,
        use_remote_address=True,
        xff_num_trusted_hops=parameters.trusted_hops,
        normalize_path=True,
        merge_slashes=True,
        path_with_escaped_slashes_action=HttpConnectionManagerPathWithEscapedSlashesAction.REJECT_REQUEST,
        common_http_protocol_options=HttpProtocolOptions(
            headers_with_underscores_action=HttpProtocolOptionsHeadersWithUnderscoresAction.REJECT_REQUEST
        ),
        http2_protocol_options=_HTTP2,
        request_headers_timeout=timedelta(seconds=10),
        early_header_mutation_extensions=[_without_headers((*parameters.identity_headers, FAILURE_MODE_HEADER))],
        route_config=route_configuration(parameters.routes),
        http_filters=[
            ext_authz_filter(parameters),
            HttpFilter(name="envoy.filters.http.router", typed_config=Any.pack(Router())),
        ],
    )


def route_configuration(routes: Sequence[RouteParameters]) -> RouteConfiguration:
    """All hosts, one upstream."""
    return RouteConfiguration(
        name="routes",
        virtual_hosts=[VirtualHost(name="all", domains=["*"], routes=[_route(route) for route in routes])],
    )


def _route(route: RouteParameters) -> Route:
    return Route(
        match=_below(route.prefix),
        route=RouteAction(cluster=UPSTREAM_CLUSTER),
        typed_per_filter_config=_check_of(route),
    )


def _below(path: str) -> RouteMatch:
    # A plain prefix "/public" would match "/publications" as well.
    path = path.rstrip("/")
    return RouteMatch(path_separated_prefix=path) if path else RouteMatch(prefix="/")


def _check_of(route: RouteParameters) -> dict[str, Any]:
    if not route.checked:
        return {FILTER_NAME: unchecked_route()}
    return {FILTER_NAME: route_context(route.context)} if route.context else {}


def _without_headers(names: Sequence[str]) -> TypedExtensionConfig:
    """Removes headers before anything else happens to a request, on unchecked routes too.

    A route's `request_headers_to_remove` would come too late: it acts after the check and removes its answer.
    """
    return TypedExtensionConfig(
        name="envoy.http.early_header_mutation.header_mutation",
        typed_config=Any.pack(EarlyHeaderMutation(mutations=[HeaderMutation(remove=name) for name in names])),
    )
