"""From limits in a policy to buckets, and from levels to what a caller is told."""

import pytest

from extauth.check.limit import is_leased
from extauth.check.rate_headers import RateHeaders
from extauth.check.rate_status import RateStatus, status_of
from extauth.policy.limits import Limit
from extauth.policy.rate_limit_headers import RateLimitHeaders
from extauth.store.bucket import Level, Shape
from extauth.store.draw import Bucket, Draw
from extauth.store.lease import Granted, Lease
from extauth.wire.envoy.service.auth.v3.external_auth_pb2 import CheckResponse


def limit(**fields: object) -> Limit:
    return Limit.model_validate({"name": "x", "by": "key", **fields})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"rate": "1000/s"}, True),
        ({"rate": "3000/min"}, True),
        ({"rate": "2940/min"}, False),  # less than 50 a second
        ({"rate": "100/s", "burst": 100}, True),
        ({"rate": "100/s", "burst": 99}, False),  # less than a second's worth
        ({"rate": "10/s", "mode": "leased"}, True),
        ({"rate": "1000/s", "mode": "exact"}, False),
    ],
)
def test_which_limits_are_leased(fields: dict[str, str], expected: bool) -> None:
    assert is_leased(limit(**fields)) is expected


def test_of_buckets_that_refuse_the_one_that_refuses_longest_is_told() -> None:
    slow, fast = Shape.of(1, 60, 10), Shape.of(1, 1, 10)
    levels = [Level(fast, False, 10 * fast.period), Level(slow, False, 10 * slow.period), Level(fast, True, 0)]
    status = status_of([Bucket("a", fast), Bucket("b", slow), Bucket("c", fast)], levels, 1000.5)
    assert (status.limited, status.limit, status.remaining, status.retry_after) == (True, 10, 0, 60)
    assert status.reset_at == 1601


def test_the_limit_that_is_told_is_the_policys_even_while_a_share_of_it_counts() -> None:
    shape = Shape.of(1, 1, 10)
    share = Shape.of(1, 4, 2)
    status = status_of([Bucket("a", shape)], [Level(share, True, share.period)], 0)
    assert (status.limit, status.remaining) == (10, 1)


def test_a_cost_that_never_fits_is_told_as_a_very_long_time() -> None:
    shape = Shape.of(1, 1, 5)
    status = status_of([Bucket("a", shape, cost=6)], [Level(shape, False, 0)], 0)
    assert status.retry_after == 366 * 86_400


NOW = 1_700_000_000


def told(*fields: str) -> RateHeaders:
    return RateHeaders(RateLimitHeaders.model_validate({"fields": fields}), lambda: NOW + 0.5)


def headers(message: bytes) -> dict[str, str]:
    options = CheckResponse.FromString(message).ok_response.response_headers_to_add
    return {option.header.key: option.header.value for option in options}


@pytest.mark.parametrize("remaining", [0, 9, 10, 99, 100, 12345, 10**9])
def test_headers_have_the_number_that_remains(remaining: int) -> None:
    status = RateStatus(False, "per-key", 10**9, remaining, NOW + 60, 60, 1)
    assert headers(told("x-ratelimit", "ietf").of_status(Draw([]), status)) == {
        "x-ratelimit-limit": "1000000000",
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-reset": "1700000060",
        "ratelimit": f'"per-key";r={remaining};t=60',
        "ratelimit-policy": "",
    }


def test_headers_are_those_that_the_policy_asks_for() -> None:
    draw = Draw(
        [Bucket("a", Shape.of(10, 1, 25), limit="per-key"), Bucket("b", Shape.of(5000, 43200, 5000), limit="b")]
    )
    status = RateStatus(True, "per-key", 25, 0, NOW + 3, 3, 1)
    refusal = {fields: dict(told(*fields).of_refusal(draw, status)) for fields in ((), ("x-ratelimit",), ("ietf",))}
    assert refusal == {
        (): {"retry-after": "1"},
        ("x-ratelimit",): {
            "retry-after": "1",
            "x-ratelimit-limit": "25",
            "x-ratelimit-remaining": "0",
            "x-ratelimit-reset": "1700000003",
        },
        ("ietf",): {
            "retry-after": "1",
            "ratelimit-policy": '"per-key";q=25;w=3, "b";q=5000;w=43200',
            "ratelimit": '"per-key";r=0;t=3',
        },
    }
    assert headers(told("ietf").of_status(draw, status)) == {
        name: value for name, value in refusal["ietf",].items() if name != "retry-after"
    }
    assert told().of_status(draw, status) == b""


def test_a_wait_grows_by_at_most_its_jitter() -> None:
    shape = Shape.of(1, 1, 100)
    empty = [Level(shape, False, (100 + 99) * shape.period)]
    waits = {status_of([Bucket("a", shape)], empty, 0, jitter=0.5).retry_after for _ in range(1000)}
    assert min(waits) >= 100
    assert max(waits) <= 150
    assert len(waits) > 20
    assert status_of([Bucket("a", shape)], empty, 0).retry_after == 100


def lease_of(burst: int, left: int, tokens: int) -> Granted:
    lease = Lease(Bucket("b", Shape.of(1, 1, burst), limit=f"of-{burst}"), 0, 0)
    granted = Granted(lease, 1, 0)
    lease.bring(granted, tokens)
    lease.left, lease.reset_at = left, NOW + burst
    return granted


def test_of_leases_the_one_nearest_to_empty_is_told() -> None:
    taken = [lease_of(1000, 500, 20), lease_of(100, 10, 5), lease_of(10, 9, 1)]
    draw = Draw([granted.lease.bucket for granted in taken])
    assert headers(told("x-ratelimit", "ietf").of_leases(draw, taken)) == {
        "x-ratelimit-limit": "100",
        "x-ratelimit-remaining": "15",
        "x-ratelimit-reset": "1700000100",
        "ratelimit": '"of-100";r=15;t=100',
        "ratelimit-policy": '"of-1000";q=1000;w=1000, "of-100";q=100;w=100, "of-10";q=10;w=10',
    }
    assert told().of_leases(draw, taken) == b""


def test_no_more_than_the_limit_is_told_to_remain() -> None:
    taken = [lease_of(100, 99, 5)]
    assert headers(told("x-ratelimit").of_leases(Draw([]), taken))["x-ratelimit-remaining"] == "100"
