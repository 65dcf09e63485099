"""What limits see of a request."""

import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extauth.check import request as request_reader
from extauth.check.limit_conditions import Conditions, Found, cost_of, safe
from extauth.check.request import Request
from extauth.policy.cost import CostRules
from extauth.policy.limits import Limit
from tests.support.check_messages import check_request


def request_of(headers: Mapping[str, str] | None = None, **fields: str) -> Request:
    found = request_reader.read(check_request(headers or {}, **fields))  # type: ignore[arg-type]
    assert found is not None
    return found


def conditions(**fields: object) -> Conditions:
    limit = Limit.model_validate({"name": "x", "by": "key", "rate": "100/s", **fields})
    return Conditions(limit, lambda _: "2001:db8::/64")


def test_a_limit_without_conditions_sees_the_same_in_each_request() -> None:
    assert conditions(by=["key", "plan"]).constant == Found(1, "")
    assert conditions(cost=5).constant == Found(5, "")


@pytest.mark.parametrize(
    "fields",
    [
        {"methods": ["POST"]},
        {"paths": ["/a"]},
        {"by": "address"},
        {"by": {"header": "x-team"}},
        {"cost": {"methods": {"POST": 1}}},
        {"cost": {"header": "x-cost", "max": 3}},
    ],
)
def test_one_with_conditions_does_not(fields: dict[str, object]) -> None:
    assert conditions(**fields).constant is None


@pytest.mark.parametrize(
    ("fields", "method", "path", "counts"),
    [
        ({"methods": ["POST", "PUT"]}, "PUT", "/", True),
        ({"methods": ["POST", "PUT"]}, "GET", "/", False),
        ({"paths": ["/v1"]}, "GET", "/v1/a?b=c", True),
        ({"paths": ["/v1"]}, "GET", "/v1a", False),
        ({"paths": ["=/v1"]}, "GET", "/v1/a", False),
        ({"paths": ["/v1/{area}/items"]}, "GET", "/v1/north/items/7", True),
        ({"methods": ["POST"], "paths": ["/v1"]}, "POST", "/v2", False),
    ],
)
def test_only_requests_that_match_are_counted(fields: dict[str, object], method: str, path: str, counts: bool) -> None:
    assert (conditions(**fields).find(request_of(method=method, path=path)) is not None) is counts


def test_the_route_is_the_first_pattern_that_matches() -> None:
    found = conditions(by=["tenant", "route"], paths=["/v1/{area}", "=/v2"])
    north, south = (found.find(request_of(path=path)) for path in ("/v1/north", "/v1/south"))
    assert north == south == Found(1, ":route=%2Fv1%2F%7Barea%7D")
    assert found.find(request_of(path="/v2")) == Found(1, ":route=%3D%2Fv2")


def test_values_stand_in_the_name_in_an_order_of_their_own() -> None:
    request = request_of({"x-team": "blue"})
    one = conditions(by=["address", {"header": "X-Team"}, "key"]).find(request)
    other = conditions(by=[{"header": "x-team"}, "key", "address"]).find(request)
    assert one == other == Found(1, ":address=2001%3Adb8%3A%3A%2F64:header.x-team=blue")


def test_a_request_without_the_header_shares_the_bucket_of_no_value() -> None:
    found = conditions(by={"header": "x-team"})
    assert found.find(request_of()) == found.find(request_of({"x-team": ""})) == Found(1, ":header.x-team=")


@given(st.text(), st.text())
def test_values_are_safe_in_names_and_stay_apart(one: str, other: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9._~%#-]{0,64}", safe(one))
    assert (safe(one) == safe(other)) is (one == other)


def test_a_long_value_is_known_by_its_digest() -> None:
    digest = safe("a" * 65)
    assert re.fullmatch(r"#[0-9a-f]{32}", digest)
    assert safe("a" * 64) == "a" * 64
    assert safe(digest) != digest  # nobody can write another's
    assert safe("é" * 30) != safe("é" * 29)


COST = CostRules(default=2, header="x-cost", max=100)


@pytest.mark.parametrize(
    ("text", "cost"),
    [
        ("5", 5),
        (" 7 ", 7),
        ("0", 0),
        ("100", 100),
        ("101", 100),
        ("9" * 5000, 100),
        ("0" * 5000 + "7", 7),
        ("", 2),
        ("-1", 2),
        ("1.5", 2),
        ("5,6", 2),
        ("٣", 2),
        ("1e3", 2),
    ],
)
def test_a_cost_from_a_header(text: str, cost: int) -> None:
    assert cost_of(COST, request_of({"x-cost": text})) == cost


def test_a_cost_from_a_header_that_is_not_there() -> None:
    assert cost_of(COST, request_of()) == 2


@given(st.text())
def test_a_cost_from_a_header_stays_in_bounds(text: str) -> None:
    assert 0 <= cost_of(COST, request_of({"x-cost": text})) <= 100


def test_a_cost_by_method() -> None:
    rules = CostRules(methods={"POST": 5, "HEAD": 0})
    assert [cost_of(rules, request_of(method=method)) for method in ("GET", "POST", "HEAD", "post")] == [1, 5, 0, 1]
