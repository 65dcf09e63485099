"""From a policy's limits and what a request says to buckets."""

from collections.abc import Sequence
from typing import Any

import pytest

from extauth.check import request as request_reader
from extauth.check.caller import Caller
from extauth.check.limit import Limiter
from extauth.check.limit_draws import Draws
from extauth.check.request import Request
from extauth.keys.record import LimitOverride, Owner
from extauth.policy.schema import Api
from extauth.settings.window import window_at
from extauth.store.bucket import Shape
from extauth.store.draw import Draw
from extauth.store.names import Names
from tests.support.check_messages import check_request
from tests.support.keys import issue

NOW = 1_795_334_400.0  # 2026-11-22T08:00:00Z
MONTH, NEXT_MONTH = window_at("month", NOW), window_at("month", NOW + 30 * 86_400)


def draws(*limits: dict[str, Any], own: Sequence[LimitOverride] = ()) -> Draw | Draws:
    given = [{"name": f"l{index}", "by": "tenant", **limit} for index, limit in enumerate(limits)]
    if not any("quota" in limit for limit in limits):
        given = [{"rate": "1000/s", **limit} for limit in given]
    api = {"name": "demo", "credentials": [{"header": "x-api-key"}], "limits": given}
    return Limiter(Api.model_validate(api), Names("n")).draw(Caller.of_key(issue(tenant="acme", limits=own)[1]))


def varying(*limits: dict[str, Any], own: Sequence[LimitOverride] = ()) -> Draws:
    found = draws(*limits, own=own)
    assert isinstance(found, Draws)
    return found


def get(path: str = "/", method: str = "GET", **headers: str) -> Request:
    message = check_request({name.replace("_", "-"): text for name, text in headers.items()}, path=path, method=method)
    request = request_reader.read(message)
    assert request is not None
    return request


def facts(draw: Draw) -> list[tuple[str, int, bool]]:
    return [(bucket.name, bucket.cost, bucket.leased) for bucket in draw.buckets]


def test_limits_that_do_not_look_at_requests_are_worked_out_once() -> None:
    found = draws({"by": "key"}, {"by": ["tenant", "plan"]}, {"by": "api", "cost": 3})
    assert isinstance(found, Draw)
    assert [bucket.cost for bucket in found.buckets] == [1, 1, 3]
    assert isinstance(draws(), Draw)


def test_each_request_draws_on_what_it_is_counted_by() -> None:
    found = varying(
        {"by": ["tenant", "route"], "paths": ["/a", "/b"]},
        {"by": {"header": "x-team"}, "methods": ["POST"]},
        {"by": "tenant"},
    )
    tenant = ("n:bucket:{acme}:demo:l2:", 1, True)
    assert facts(found.of(get("/a/1"), NOW)) == [("n:bucket:{acme}:demo:l0::route=%2Fa", 1, True), tenant]
    assert facts(found.of(get("/c", "POST", x_team="a}b:c"), NOW)) == [
        ("n:bucket:{demo:l1::header.x-team=a%7Db%3Ac}", 1, True),
        tenant,
    ]
    assert facts(found.of(get("/c"), NOW)) == [tenant]


def test_what_costs_nothing_draws_on_nothing() -> None:
    found = varying({"cost": {"methods": {"GET": 0}, "default": 2}})
    assert facts(found.of(get(), NOW)) == []
    assert facts(found.of(get(method="POST"), NOW)) == [("n:bucket:{acme}:demo:l0:", 2, True)]
    free = varying({"cost": 0})
    assert facts(free.of(get(), NOW)) == []


@pytest.mark.parametrize(("cost", "leased"), [(1, True), (64, True), (65, False), (1000, False)])
def test_a_request_that_takes_much_is_not_served_from_leases(cost: int, leased: bool) -> None:
    found = varying({"cost": {"header": "x-cost", "max": 1000}})
    draw = found.of(get(x_cost=str(cost)), NOW)
    assert facts(draw) == [("n:bucket:{acme}:demo:l0:", cost, leased)]
    assert draw.is_leased is leased
    assert len(draw.tokens) == cost * leased


def test_draws_are_kept_for_requests_that_say_the_same_but_few_of_them() -> None:
    found = varying({"by": {"header": "x-team"}})
    first = found.of(get(x_team="0"), NOW)
    assert found.of(get(x_team="0", x_other="1"), NOW + 1) is first
    assert found.of(get(x_team="1"), NOW) is not first
    for number in range(1000):
        assert facts(found.of(get(x_team=str(number)), NOW))[0][0].endswith(f"={number}}}")
    assert len(found._kept) <= 8


def test_a_quota_is_for_the_window_and_gains_nothing() -> None:
    found = varying({"quota": "1000/month"})
    (bucket,) = found.of(get(), NOW).buckets
    assert (bucket.name, bucket.shape, bucket.leased) == (
        "n:bucket:{acme}:demo:l0::month=2026-11",
        Shape(0, 1, 1000, MONTH),
        True,
    )
    assert found.of(get(), MONTH.ends - 0.001).buckets[0].shape.window == MONTH
    (later,) = found.of(get(), MONTH.ends).buckets
    assert (later.name, later.shape.window) == ("n:bucket:{acme}:demo:l0::month=2026-12", NEXT_MONTH)
    assert found.of(get(), NOW).buckets[0] == bucket  # a clock that was set back


@pytest.mark.parametrize(
    ("quota", "mode", "leased"), [(999, "auto", False), (999, "leased", True), (1000, "exact", False)]
)
def test_which_quotas_are_leased(quota: int, mode: str, leased: bool) -> None:
    assert varying({"quota": f"{quota}/day", "mode": mode}).of(get(), NOW).buckets[0].leased is leased


@pytest.mark.parametrize(
    ("override", "shape", "name"),
    [
        (LimitOverride("l0", 50, 30 * 86_400), Shape(0, 1, 50, MONTH), ":month=2026-11"),
        (LimitOverride("l0", 7, 86_400), Shape(0, 1, 7, window_at("day", NOW)), ":day=2026-11-22"),
        (LimitOverride("l0", 5000, 43_200), Shape.of(5000, 43_200, 5000), ""),
        (LimitOverride("l0", 50, 86_400, 10), Shape.of(50, 86_400, 10), ""),
        (LimitOverride("l0", 0.5, 86_400), Shape.of(0.5, 86_400, 1), ""),
    ],
)
def test_an_override_of_a_quota(override: LimitOverride, shape: Shape, name: str) -> None:
    own = [override._replace(owner=Owner.TENANT)]
    found = draws({"quota": "1000/month"}, own=own)
    (bucket,) = (found if isinstance(found, Draw) else found.of(get(), NOW)).buckets
    assert (bucket.name, bucket.shape) == (f"n:bucket:{{acme}}:demo:l0:{name}", shape)
