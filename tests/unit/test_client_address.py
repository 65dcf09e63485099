"""The client's address: one form for each, counted from the trusted end, and never what a client made up."""

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extauth.check import request as request_reader
from extauth.check.client_address import address_reader, canonical
from extauth.policy.client_address import ClientAddress
from extauth.wire.envoy.service.auth.v3.external_auth_pb2 import CheckRequest

PEER = "198.51.100.7"


def address(where: Mapping[str, object], headers: Mapping[str, str], peer: str = PEER) -> str:
    message = CheckRequest()
    message.attributes.source.address.socket_address.address = peer
    message.attributes.request.http.method, message.attributes.request.http.path = "GET", "/"
    message.attributes.request.http.headers.update(headers)
    request = request_reader.read(message.SerializeToString())
    assert request is not None
    return address_reader(ClientAddress.model_validate(where))(request)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("2001:DB8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::9]:443", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::9]", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("", ""),
        ("unknown", ""),
        ("203.0.113.999", ""),
        ("203.0.113.09", ""),
        ("[", ""),
        ("1" * 10_000, ""),
    ],
)
def test_addresses_have_one_form(text: str, expected: str) -> None:
    assert canonical(text) == expected


@given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1))
def test_addresses_of_one_network_are_one_and_of_two_are_two(found: IPv6Address, host: int) -> None:
    neighbour = IPv6Address(int(found) >> 64 << 64 | host)
    stranger = IPv6Address(int(found) ^ (1 << 64))
    if not (found.ipv4_mapped or neighbour.ipv4_mapped):
        assert canonical(str(found)) == canonical(str(neighbour)) != canonical(str(stranger))


@given(st.text())
def test_any_text_is_an_address_or_none(text: str) -> None:
    found = canonical(text)
    assert len(found) < 64
    assert found.isascii()


@pytest.mark.parametrize(
    ("forwarded", "hops", "expected"),
    [
        ("203.0.113.9", 0, "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9", 0, "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9,10.0.0.1", 1, "203.0.113.9"),
        ("6.6.6.6,203.0.113.9, 10.0.0.2, 10.0.0.1", 2, "203.0.113.9"),
        ("203.0.113.9", 1, PEER),  # as Envoy does when the list is too short
        ("6.6.6.6,not an address", 0, PEER),
        ("6.6.6.6,", 0, PEER),
        ("", 0, PEER),
    ],
)
def test_forwarded_for_is_counted_from_the_end(forwarded: str, hops: int, expected: str) -> None:
    assert address({"header": "x-forwarded-for", "trusted_hops": hops}, {"x-forwarded-for": forwarded}) == expected


@given(st.lists(st.ip_addresses(v=4), min_size=3, max_size=6), st.text(max_size=50))
def test_what_stands_before_the_trusted_hops_has_no_say(hops: list[IPv4Address], made_up: str) -> None:
    trusted = len(hops) - 1
    forwarded = ",".join([made_up, *map(str, hops)])
    where = {"header": "x-forwarded-for", "trusted_hops": trusted}
    assert address(where, {"x-forwarded-for": forwarded}) == str(hops[0])


def test_without_a_setting_it_is_that_of_the_peer() -> None:
    forged = {"x-forwarded-for": "6.6.6.6", "x-envoy-external-address": "6.6.6.6"}
    assert address({}, forged) == PEER
    assert address({}, forged, peer="") == ""


def test_envoys_own_header() -> None:
    where = {"header": "x-envoy-external-address"}
    assert address(where, {"x-envoy-external-address": "203.0.113.9"}) == "203.0.113.9"
    assert address(where, {}) == PEER
