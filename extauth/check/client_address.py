"""The address of the client, as text that limits can count by."""

from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from extauth.check.request import Request
from extauth.policy.client_address import FORWARDED_FOR, ClientAddress

_LONGEST = 64  # characters; more is no address
_NETWORK = 64  # bits: what one subscriber of IPv6 has to choose from (RFC 6177)

AddressOf = Callable[[Request], str]
"""The client's address: `203.0.113.9`, `2001:db8:1:2::/64`; empty when there is none."""


def address_reader(where: ClientAddress) -> AddressOf:
    """By a policy. What a header does not tell is taken from Envoy's TCP peer."""
    if where.header is None:
        return _of_peer
    if where.header == FORWARDED_FOR:
        return lambda request: _of_list(request.headers.get(FORWARDED_FOR, ""), where.trusted_hops) or _of_peer(request)
    name = where.header
    return lambda request: canonical(request.headers.get(name, "")) or _of_peer(request)


def _of_peer(request: Request) -> str:
    return canonical(request.peer)


def _of_list(addresses: str, trusted_hops: int) -> str:
    """Counted from the end: what stands further to the left the client may have written itself."""
    parts = addresses.rsplit(",", trusted_hops + 1)
    return canonical(parts[-1 - trusted_hops].strip()) if len(parts) > trusted_hops else ""


def canonical(text: str) -> str:
    """An address, perhaps with a port, in one form; empty for anything else."""
    return _canonical(text) if 0 < len(text) <= _LONGEST else ""


@lru_cache(maxsize=8192)
def _canonical(text: str) -> str:
    address = _parse(text)
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            # A scope is of the machine that wrote it.
            return str(IPv6Network((int(address), _NETWORK), strict=False))
        address = address.ipv4_mapped
    return str(address) if address else ""


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    host, separator, _port = text.partition(":")
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif separator and "." in host:
        text = host
    try:
        return ip_address(text)
    except ValueError:
        return None
