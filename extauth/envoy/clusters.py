"""Where Envoy sends requests: the sidecar for checks, the upstream for what passed."""

from collections.abc import Sequence
from datetime import timedelta
from ipaddress import ip_address

from envoy_data_plane.envoy.config.cluster.v3 import (
    CircuitBreakers,
    CircuitBreakersThresholds,
    Cluster,
    ClusterDiscoveryType,
)
from envoy_data_plane.envoy.config.core.v3 import Http2ProtocolOptions
from envoy_data_plane.envoy.config.core.v3 import HttpProtocolOptions as CommonHttpProtocolOptions
from envoy_data_plane.envoy.extensions.upstreams.http.v3 import (
    HttpProtocolOptions,
    HttpProtocolOptionsExplicitHttpConfig,
)
from envoy_data_plane.google.protobuf import Any

from extauth.envoy.addresses import endpoints
from extauth.envoy.parameters import SidecarTls
from extauth.envoy.sidecar_tls import transport_socket
from extauth.settings.values import host_and_port

SIDECAR_CLUSTER = "extauth"
UPSTREAM_CLUSTER = "upstream"

_HTTP_PROTOCOL_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_SIDECAR_CONNECT_TIMEOUT = timedelta(milliseconds=100)  # leaves room for a retry within one check
_UPSTREAM_CONNECT_TIMEOUT = timedelta(seconds=1)
_CHECKS_AT_A_TIME = 256
"""Of one process: a quarter of a core answers so many within Envoy's timeout. Beyond that each check that waits makes
those behind it late, and refusing costs a sidecar as much as answering; here it costs nothing (docs/reliability.md).
"""
_BEHIND_A_NAME = 4
"""Processes that a name may stand for."""
_STREAMS_PER_CONNECTION = 1024
_NEVER = timedelta(0)


def sidecar_cluster(addresses: Sequence[str], tls: SidecarTls | None = None) -> Cluster:
    """The sidecar's processes, asked over HTTP/2 connections that stay open.

    The breakers refuse what would not be answered in time.
    """
    at_a_time = _CHECKS_AT_A_TIME * sum(1 if _is_fixed(address) else _BEHIND_A_NAME for address in addresses)
    return Cluster(
        name=SIDECAR_CLUSTER,
        type=_discovery(addresses),
        connect_timeout=_SIDECAR_CONNECT_TIMEOUT,
        load_assignment=endpoints(SIDECAR_CLUSTER, addresses),
        typed_extension_protocol_options={_HTTP_PROTOCOL_OPTIONS: Any.pack(_http2_without_idle_timeout())},
        transport_socket=None if tls is None else transport_socket(tls),
        circuit_breakers=CircuitBreakers(
            thresholds=[
                CircuitBreakersThresholds(
                    max_connections=64,
                    max_pending_requests=at_a_time,
                    max_requests=at_a_time,
                    max_retries=64,
                )
            ]
        ),
    )


def upstream_cluster(address: str) -> Cluster:
    """The API behind Envoy, over HTTP/1.1."""
    return Cluster(
        name=UPSTREAM_CLUSTER,
        type=_discovery([address]),
        connect_timeout=_UPSTREAM_CONNECT_TIMEOUT,
        load_assignment=endpoints(UPSTREAM_CLUSTER, [address]),
    )


def _discovery(addresses: Sequence[str]) -> ClusterDiscoveryType:
    names = [address for address in addresses if not _is_fixed(address)]
    return ClusterDiscoveryType.STRICT_DNS if names else ClusterDiscoveryType.STATIC


def _is_fixed(address: str) -> bool:
    if address.startswith("unix:"):
        return True
    try:
        ip_address(host_and_port(address)[0])
    except ValueError:
        return False
    return True


def _http2_without_idle_timeout() -> HttpProtocolOptions:
    return HttpProtocolOptions(
        common_http_protocol_options=CommonHttpProtocolOptions(idle_timeout=_NEVER),
        explicit_http_config=HttpProtocolOptionsExplicitHttpConfig(
            http2_protocol_options=Http2ProtocolOptions(max_concurrent_streams=_STREAMS_PER_CONNECTION)
        ),
    )
