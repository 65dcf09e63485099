"""Addresses and endpoints."""

from collections.abc import Sequence

from envoy_data_plane.envoy.config.core.v3 import Address, Pipe, SocketAddress
from envoy_data_plane.envoy.config.endpoint.v3 import ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints

from extauth.settings.values import host_and_port


def address(text: str) -> Address:
    """`127.0.0.1:8000`, `[::1]:8000` or `unix:/run/extauth.sock`."""
    path = text.removeprefix("unix:")
    if path != text:
        return Address(pipe=Pipe(path=path))
    host, port = host_and_port(text)
    return Address(socket_address=SocketAddress(address=host, port_value=port))


def endpoints(cluster: str, addresses: Sequence[str]) -> ClusterLoadAssignment:
    """All addresses of a cluster, with equal weight."""
    members = [LbEndpoint(endpoint=Endpoint(address=address(text))) for text in addresses]
    return ClusterLoadAssignment(cluster_name=cluster, endpoints=[LocalityLbEndpoints(lb_endpoints=members)])
