"""From where a request came, for the audit trail: kept beside the request, since no operation depends on it."""

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network
MAX_USER_AGENT = 200


@dataclass(frozen=True, slots=True)
class Origin:
    """Empty texts for what is not known, as on a Unix socket or in a process of our own."""

    address: str = ""
    user_agent: str = ""


ORIGIN: ContextVar[Origin] = ContextVar("origin", default=Origin())  # noqa: B039 (frozen)
"""Of the request that this task, or the thread that works for it, answers."""


def client_address(peer: str, forwarded_for: str, trusted: Sequence[Network]) -> str:
    """The last address that no trusted proxy named as its own: `peer`, or one of X-Forwarded-For when `peer` is one.

    Each proxy adds whom it heard to the end of the header; what stands before a stranger is the stranger's word.
    """
    address = peer
    named = [part.strip() for part in forwarded_for.split(",") if part.strip()]
    while named and is_in(address, trusted):
        nearer = _plain(named.pop())
        if nearer is None:
            break
        address = nearer
    return address


def network_of(address: str) -> str:
    """The part of an address that one client cannot change at will: of IPv6 the first 64 bits."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(IPv6Network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else address


def printable(user_agent: str) -> str:
    return "".join(character for character in user_agent if character.isprintable())[:MAX_USER_AGENT]


def is_in(address: str, networks: Sequence[Network]) -> bool:
    """Whether `address` is one, and in one of the networks."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in networks)


def _plain(text: str) -> str | None:
    """An address without port or brackets; None for anything else."""
    host = text[1 : text.find("]")] if text.startswith("[") else text
    if host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        parsed = ip_address(host)
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return str(mapped or parsed)
