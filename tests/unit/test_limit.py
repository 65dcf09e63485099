"""From limits in a policy to buckets, and from levels to what a caller is told."""

import pytest

from extauth.check import rate_headers
from extauth.check.limit import is_leased
from extauth.check.rate_status import status_of
from extauth.policy.schema import Limit
from extauth.store.bucket import Level, Shape
from extauth.store.draw import Bucket
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


def headers(message: bytes) -> dict[str, str]:
    options = CheckResponse.FromString(message).ok_response.response_headers_to_add
    return {option.header.key: option.header.value for option in options}


@pytest.mark.parametrize("remaining", [0, 9, 10, 99, 100, 12345, 10**9])
def test_headers_have_the_number_that_remains(remaining: int) -> None:
    assert headers(rate_headers.serialised(10**9, remaining, 1_700_000_000)) == {
        "x-ratelimit-limit": "1000000000",
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-reset": "1700000000",
    }


def lease_of(burst: int, left: int, tokens: int) -> Granted:
    lease = Lease(Bucket("b", Shape.of(1, 1, burst)), 0, 0)
    granted = Granted(lease, 1, 0)
    lease.bring(granted, tokens)
    lease.left, lease.reset_at = left, burst
    return granted


def test_of_leases_the_one_nearest_to_empty_is_told() -> None:
    taken = [lease_of(1000, 500, 20), lease_of(100, 10, 5), lease_of(10, 9, 1)]
    assert headers(rate_headers.of_leases(taken)) == {
        "x-ratelimit-limit": "100",
        "x-ratelimit-remaining": "15",
        "x-ratelimit-reset": "100",
    }


def test_no_more_than_the_limit_is_told_to_remain() -> None:
    assert headers(rate_headers.of_leases([lease_of(100, 99, 5)]))["x-ratelimit-remaining"] == "100"
