"""Whole decisions with limits by what requests say, with real Redis."""

from typing import Any

from extauth.keys.record import LimitOverride, Owner
from extauth.wire.envoy.service.auth.v3.external_auth_pb2 import CheckRequest
from tests.support.check_messages import check_request
from tests.support.decider import API, Bench, BenchMaker, published
from tests.support.redis_server import RedisServer
from tests.support.wait import wait_until

SLOW = {"rate": "1/h"}


def api(*limits: dict[str, Any], **fields: object) -> dict[str, Any]:
    return {**API, **fields, "limits": [{"name": f"l{index}", **SLOW, **one} for index, one in enumerate(limits)]}


def quota(**fields: object) -> dict[str, Any]:
    return {**API, "limits": [{"name": "l0", "by": "key", **fields}]}


def ask(
    bench: Bench, key: str, *, peer: str = "203.0.113.9", headers: dict[str, str] | None = None, **fields: Any
) -> int:
    """The HTTP status."""
    message = CheckRequest.FromString(check_request({"x-api-key": key, **(headers or {})}, **fields))
    message.attributes.source.address.socket_address.address = peer
    return bench.ask(message.SerializeToString()).http_status


def test_routes_of_a_tenant_have_buckets_of_their_own(bench_of: BenchMaker) -> None:
    bench = bench_of(api({"by": ["tenant", "route"], "paths": ["/a", "/b/{id}"], "methods": ["GET"], "burst": 2}))
    first, second = (published(bench)[0] for _ in range(2))
    stranger, _ = published(bench, tenant="other")
    assert [ask(bench, key, path="/a/1") for key in (first, second, first)] == [200, 200, 429]
    assert [ask(bench, first, path=f"/b/{number}") for number in range(3)] == [200, 200, 429]
    assert ask(bench, stranger, path="/a") == 200
    assert {ask(bench, first, path="/c") for _ in range(4)} == {200}
    assert {ask(bench, first, path="/a", method="PUT") for _ in range(4)} == {200}
    assert ask(bench, first, path="/a/../b") == 400  # nobody chooses a bucket by a path that servers read differently


def test_limits_by_address_and_header_are_shared_by_all_callers(bench_of: BenchMaker) -> None:
    bench = bench_of(api({"by": "address", "burst": 3}, {"by": {"header": "x-team"}, "burst": 2}))
    first, second = published(bench)[0], published(bench, tenant="other")[0]
    assert [ask(bench, key, headers={"x-team": "blue"}) for key in (first, second, first)] == [200, 200, 429]
    # What was refused took nothing of the address either.
    assert [ask(bench, second, headers={"x-team": team}) for team in ("red", "green")] == [200, 429]
    assert ask(bench, second, peer="2001:db8::1") == 200
    assert ask(bench, first, peer="2001:db8::2", headers={"x-team": ""}) == 200
    assert ask(bench, first, peer="2001:db8::3", headers={"x-team": "grey"}) == 200
    assert ask(bench, first, peer="2001:db8::4", headers={"x-team": "pink"}) == 429


def test_the_address_is_where_the_policy_says(bench_of: BenchMaker) -> None:
    where = {"header": "x-forwarded-for", "trusted_hops": 1}
    bench = bench_of(api({"by": "address", "burst": 1}, client_address=where))
    key, _ = published(bench)

    def via(forwarded: str) -> int:
        return ask(bench, key, headers={"x-forwarded-for": forwarded})

    assert [via("192.0.2.1, 10.0.0.1"), via("6.6.6.6, 192.0.2.1, 10.0.0.1")] == [200, 429]
    assert via("192.0.2.2, 10.0.0.1") == 200


def test_a_request_takes_what_it_costs(bench_of: BenchMaker) -> None:
    bench = bench_of(api({"by": "key", "burst": 10, "cost": {"methods": {"POST": 5, "HEAD": 0}, "default": 2}}))
    key, _ = published(bench)
    assert bench.get(key, method="POST").response_headers["x-ratelimit-remaining"] == "5"
    assert bench.get(key).response_headers["x-ratelimit-remaining"] == "3"
    refused = bench.get(key, method="POST")
    assert (refused.http_status, refused.headers["x-ratelimit-remaining"]) == (429, "3")
    assert 2 * 3590 < int(refused.headers["retry-after"]) <= 2 * 3600
    # A smaller one may pass, although a larger one was refused a moment ago.
    assert bench.get(key).response_headers["x-ratelimit-remaining"] == "1"
    assert {bench.get(key, method="HEAD").http_status for _ in range(3)} == {200}
    assert bench.get(key).http_status == 429


def test_a_leased_limit_gives_as_many_tokens_as_a_request_costs(bench_of: BenchMaker) -> None:
    limit = {"by": "key", "burst": 800, "mode": "leased", "cost": {"header": "x-cost", "max": 100}}
    bench = bench_of(api(limit))
    bench.time.stop()
    key, _ = published(bench)
    spent = 0

    def spend(cost: int) -> bool:
        nonlocal spent
        passed = ask(bench, key, headers={"x-cost": str(cost)}) == 200
        spent += cost * passed
        return passed

    def from_memory() -> bool:
        assert spend(1)
        return bench.count("extauth_bucket_spends_total", api="demo", limit="l0", source="lease", outcome="allowed") > 0

    wait_until(from_memory)
    assert spend(50)
    while spend(3):
        pass
    while spend(1):
        pass
    assert spent == 800


def test_limits_that_do_not_count_a_request_have_no_part_in_its_metrics(bench_of: BenchMaker) -> None:
    both = {"by": "key", "burst": 400, "mode": "leased"}
    bench = bench_of(api(both, {**both, "methods": ["POST"]}))
    bench.time.stop()
    key, _ = published(bench)

    def spends(limit: str) -> float:
        return bench.count(
            "extauth_bucket_spends_total", api="demo", limit=limit, source="lease", outcome="allowed"
        ) + bench.count("extauth_bucket_spends_total", api="demo", limit=limit, source="redis", outcome="allowed")

    statuses = [bench.get(key).http_status for _ in range(300)]
    assert bench.count("extauth_lease_tokens_total", event="taken") > 100
    assert (set(statuses), spends("l0"), spends("l1")) == ({200}, 300, 0)
    assert {bench.get(key, method="POST").http_status for _ in range(50)} == {200}
    assert (spends("l0"), spends("l1")) == (350, 50)


def test_a_large_request_that_is_refused_does_not_refuse_small_ones(bench_of: BenchMaker) -> None:
    bench = bench_of(api({"by": "key", "burst": 9, "mode": "leased", "cost": {"header": "x-cost", "max": 9}}))
    key, _ = published(bench)
    assert [ask(bench, key, headers={"x-cost": cost}) for cost in ("8", "2", "1", "1")] == [200, 429, 200, 429]


def test_a_quota_starts_full_with_the_next_window(bench_of: BenchMaker) -> None:
    bench = bench_of(quota(quota="3/hour"))
    key, _ = published(bench)
    now = bench.decider._clocks.wall()
    bench.time.offset += 3600 - now % 3600 + 10  # 10 s after the next full hour
    answers = [bench.get(key) for _ in range(4)]
    assert [answer.http_status for answer in answers] == [200, 200, 200, 429]
    ends = int((bench.decider._clocks.wall() // 3600 + 1) * 3600)
    told = [{**answer.response_headers, **answer.headers} for answer in answers]
    assert {headers["x-ratelimit-reset"] for headers in told} == {str(ends)}
    assert [headers["x-ratelimit-remaining"] for headers in told] == ["2", "1", "0", "0"]
    assert 3500 < int(told[3]["retry-after"]) <= 3590
    bench.time.offset += 3000
    assert bench.get(key).http_status == 429  # it gains nothing meanwhile
    bench.time.offset += 600
    assert bench.get(key).response_headers["x-ratelimit-remaining"] == "2"


def test_a_quota_expires_with_its_window(bench_of: BenchMaker, redis_server: RedisServer) -> None:
    bench = bench_of(quota(quota="3/day"))
    key, _ = published(bench)
    bench.get(key)
    with redis_server.client() as client:
        (name,) = client.scan_iter("test:bucket:*")
        left = client.pttl(name)
    ends = (bench.decider._clocks.wall() // 86_400 + 1) * 86_400 - bench.decider._clocks.wall()
    assert ends * 1000 <= left <= (ends + 610) * 1000


def test_a_leased_quota_is_never_exceeded(bench_of: BenchMaker) -> None:
    bench = bench_of(quota(quota="1000/month", by="tenant"))
    bench.time.stop()
    keys = [published(bench)[0] for _ in range(2)]
    statuses = [bench.get(keys[number % 2]).http_status for number in range(1100)]
    assert statuses == [200] * 1000 + [429] * 100
    assert bench.count("extauth_bucket_spends_total", api="demo", limit="l0", source="lease", outcome="allowed") > 500


def test_a_plan_has_another_quota(bench_of: BenchMaker) -> None:
    bench = bench_of(quota(quota="5/month"))
    own = (LimitOverride("l0", 2, 30 * 86_400, owner=Owner.PLAN),)
    key, _ = published(bench, plan="free", limits=own)
    answers = [bench.get(key) for _ in range(3)]
    assert [answer.http_status for answer in answers] == [200, 200, 429]
    assert answers[0].response_headers["x-ratelimit-limit"] == "2"


def test_the_window_of_a_quota_is_told(bench_of: BenchMaker) -> None:
    bench = bench_of({**quota(quota="3/day"), "rate_limit_headers": {"fields": ["ietf"]}})
    key, _ = published(bench)
    told = bench.get(key).response_headers
    assert told["ratelimit-policy"] == '"l0";q=3;w=86400'
    assert told["ratelimit"].startswith('"l0";r=2;t=')
