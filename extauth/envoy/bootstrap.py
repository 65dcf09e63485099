"""A whole Envoy: one listener, the sidecar behind it, one upstream."""

import typing

from betterproto2 import Casing
from envoy_data_plane.envoy.config.bootstrap.v3 import Admin, Bootstrap, BootstrapStaticResources
from envoy_data_plane.envoy.config.listener.v3 import Filter, FilterChain, Listener
from envoy_data_plane.envoy.config.overload.v3 import OverloadManager, ResourceMonitor
from envoy_data_plane.envoy.extensions.resource_monitors.downstream_connections.v3 import DownstreamConnectionsConfig
from envoy_data_plane.google.protobuf import Any

from extauth.envoy.addresses import address
from extauth.envoy.clusters import sidecar_cluster, upstream_cluster
from extauth.envoy.ext_authz_filter import ext_authz_filter
from extauth.envoy.http_connection_manager import http_connection_manager
from extauth.envoy.parameters import EnvoyParameters

_BUFFERED_PER_CONNECTION = 32768  # bytes
_CONNECTIONS = 50_000


def bootstrap(parameters: EnvoyParameters) -> dict[str, typing.Any]:
    """The file that `envoy -c` reads, as data: JSON of Envoy's messages with names as in its documentation."""
    message = Bootstrap(
        admin=Admin(address=address(parameters.admin)),
        static_resources=BootstrapStaticResources(
            listeners=[_listener(parameters)],
            clusters=[
                sidecar_cluster(parameters.sidecars, parameters.sidecar_tls),
                upstream_cluster(parameters.upstream),
            ],
        ),
        overload_manager=OverloadManager(resource_monitors=[_bounded_connections()]),
    )
    return message.to_dict(casing=Casing.SNAKE)


Part = typing.Literal["bootstrap", "filter", "cluster"]
PARTS: tuple[Part, ...] = typing.get_args(Part)


def part_of(parameters: EnvoyParameters, part: Part) -> dict[str, typing.Any]:
    """The whole, or only the filter or the cluster for an Envoy that has a configuration of its own."""
    if part == "filter":
        return ext_authz_filter(parameters).to_dict(casing=Casing.SNAKE)
    if part == "cluster":
        return sidecar_cluster(parameters.sidecars, parameters.sidecar_tls).to_dict(casing=Casing.SNAKE)
    return bootstrap(parameters)


def _listener(parameters: EnvoyParameters) -> Listener:
    manager = Filter(
        name="envoy.filters.network.http_connection_manager",
        typed_config=Any.pack(http_connection_manager(parameters)),
    )
    return Listener(
        name="ingress",
        address=address(parameters.listen),
        per_connection_buffer_limit_bytes=_BUFFERED_PER_CONNECTION,
        filter_chains=[FilterChain(filters=[manager])],
    )


def _bounded_connections() -> ResourceMonitor:
    return ResourceMonitor(
        name="envoy.resource_monitors.global_downstream_max_connections",
        typed_config=Any.pack(DownstreamConnectionsConfig(max_active_downstream_connections=_CONNECTIONS)),
    )
