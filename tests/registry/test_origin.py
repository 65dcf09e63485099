"""From where a request came: whose word on that is taken."""

from ipaddress import ip_network

import httpx2
import pytest
from prometheus_client import CollectorRegistry

from extauth.registry.grpc_guard import peer_address
from extauth.registry.origin import MAX_USER_AGENT, client_address, network_of, printable
from extauth.registry.server import RegistryServer
from extauth.registry.settings import RegistrySettings

PROXIES = [ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"), ip_network("127.0.0.1/32")]


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "address"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "198.51.100.1", "192.0.2.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.1, 10.2.3.4", "198.51.100.1"),
        ("10.0.0.1", "10.9.9.9, 10.2.3.4", "10.9.9.9"),
        ("10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("10.0.0.1", "[2001:db9::1]:4711", "2001:db9::1"),
        ("2001:db8::1", "2001:db9::1", "2001:db9::1"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "203.0.113.9, unknown", "10.0.0.1"),
        ("10.0.0.1", "<script>", "10.0.0.1"),
        ("10.0.0.1", " , ,", "10.0.0.1"),
        ("", "198.51.100.1", ""),
    ],
)
def test_the_last_address_that_is_not_a_proxy_counts(peer: str, forwarded_for: str, address: str) -> None:
    assert client_address(peer, forwarded_for, PROXIES) == address


def test_without_trusted_proxies_nobody_is_believed() -> None:
    assert client_address("10.0.0.1", "198.51.100.1", []) == "10.0.0.1"


@pytest.mark.parametrize(
    ("address", "network"),
    [("192.0.2.1", "192.0.2.1"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("", ""), ("x", "x")],
)
def test_one_client_of_ipv6_has_many_addresses(address: str, network: str) -> None:
    assert network_of(address) == network


def test_user_agents_are_cut_to_what_can_be_shown() -> None:
    assert printable("curl/8\x1b[31m\n") == "curl/8[31m"
    assert len(printable("x" * 1000)) == MAX_USER_AGENT


@pytest.mark.parametrize(
    ("peer", "address"),
    [("ipv4:127.0.0.1:1234", "127.0.0.1"), ("ipv6:%5B::1%5D:1234", "::1"), ("ipv6:[::1]:1234", "::1"), ("unix:", "")],
)
def test_peers_of_grpc(peer: str, address: str) -> None:
    assert peer_address(peer) == address


def test_behind_a_trusted_proxy_the_client_is_told(settings: RegistrySettings, token: str) -> None:
    trusting = RegistrySettings.model_validate({**settings.model_dump(), "trusted_proxies": ["127.0.0.0/8"]})
    server = RegistryServer(trusting, CollectorRegistry())
    server.start()
    headers = {"authorization": f"Bearer {token}", "x-forwarded-for": "203.0.113.9, 198.51.100.1"}
    try:
        with httpx2.Client(base_url=f"http://{server.http_address}", headers=headers) as http:
            http.post("/v1/keys", json={"name": "a", "tenant": "acme"})
            assert {item["address"] for item in http.get("/v1/audit").json()["items"]} == {"198.51.100.1"}
    finally:
        server.stop()
