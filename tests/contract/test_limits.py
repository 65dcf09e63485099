"""Whole decisions with limits, exact and leased: the same answers, from Redis or from memory."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.check_messages import Answer, check_request
from tests.support.decider import API, Bench, BenchMaker, published
from tests.support.wait import wait_until

PER_KEY = {"name": "per-key", "by": "key", "rate": "1/h", "burst": 400, "mode": "leased"}
PER_TENANT = {"name": "per-tenant", "by": "tenant", "rate": "1/h", "burst": 2000, "mode": "leased"}


def remaining(answer: Answer) -> int:
    return int({**answer.response_headers, **answer.headers}["x-ratelimit-remaining"])


@pytest.fixture
def leased_of(bench_of: BenchMaker) -> Callable[..., Bench]:
    """Benches for whose leases no time passes, so that it does not matter how long a test takes."""

    def make(*apis: dict[str, Any]) -> Bench:
        bench = bench_of(*apis)
        bench.time.stop()
        return bench

    return make


def until_leased(bench: Bench, key: str) -> list[Answer]:
    """Check until one is answered from memory; all answers."""
    answers = [bench.get(key)]

    def from_memory() -> bool:
        before = bench.count(
            "extauth_bucket_spends_total", api="demo", limit="per-key", source="lease", outcome="allowed"
        )
        answers.append(bench.get(key))
        return before > 0

    wait_until(from_memory)
    return answers


@pytest.mark.parametrize("limits", [[PER_KEY], [PER_KEY, PER_TENANT]], ids=["one", "two"])
def test_a_leased_limit_answers_as_an_exact_one_does(
    leased_of: Callable[..., Bench], limits: list[dict[str, Any]]
) -> None:
    bench = leased_of({**API, "limits": limits})
    key, _ = published(bench)
    answers = until_leased(bench, key)
    answers += [bench.get(key) for _ in range(420 - len(answers))]
    passed = [answer for answer in answers if answer.code == 0]
    assert answers[: len(passed)] == passed
    assert len(passed) == 400
    assert {answer.response_headers["x-ratelimit-limit"] for answer in passed} == {"400"}
    for number, answer in enumerate(passed):
        left = 399 - number
        assert left - 50 <= remaining(answer) <= left  # never more than there are; a lease on its way is not counted
        full_at = time.time() + (number + 1) * 3600
        # What a lease holds counts as spent.
        assert full_at - 60 < int(answer.response_headers["x-ratelimit-reset"]) <= full_at + 50 * 3600 + 2
    for answer in answers[400:]:
        assert (answer.code, answer.http_status, remaining(answer)) == (8, 429, 0)
        assert answer.reason == "rate_limited"
        assert 3500 < int(answer.headers["retry-after"]) <= 3600


def test_what_is_answered_from_memory_is_counted_as_such(leased_of: Callable[..., Bench]) -> None:
    bench = leased_of({**API, "limits": [PER_KEY, PER_TENANT]})
    key, _ = published(bench)
    until_leased(bench, key)
    for _ in range(450):
        bench.get(key)

    def spends(limit: str, source: str, outcome: str) -> float:
        return bench.count("extauth_bucket_spends_total", api="demo", limit=limit, source=source, outcome=outcome)

    for limit in ("per-key", "per-tenant"):
        assert spends(limit, "lease", "allowed") > 100
        assert spends(limit, "lease", "allowed") + spends(limit, "redis", "allowed") == pytest.approx(400, abs=1)
    checks = bench.count("extauth_checks_total", api="demo", reason="rate_limited")
    assert spends("per-key", "lease", "limited") + spends("per-key", "redis", "limited") == checks
    assert spends("per-key", "redis", "limited") <= 3
    assert spends("per-tenant", "lease", "limited") == 0
    assert bench.count("extauth_lease_tokens_total", event="taken") > 100
    assert bench.count("extauth_lease_requests_total", outcome="full") > 1


def test_an_exact_limit_beside_a_leased_one_is_exact(leased_of: Callable[..., Bench]) -> None:
    exact = {"name": "exact", "by": "key", "rate": "1/h", "burst": 50, "mode": "exact"}
    bench = leased_of({**API, "limits": [PER_TENANT, exact]})
    key, _ = published(bench)
    other, _ = published(bench)
    assert [bench.get(key).http_status for _ in range(60)] == [200] * 50 + [429] * 10
    assert [bench.get(other).http_status for _ in range(60)] == [200] * 50 + [429] * 10
    spent = {"api": "demo", "limit": "per-tenant", "outcome": "allowed"}
    by_lease = bench.count("extauth_bucket_spends_total", source="lease", **spent)
    assert by_lease > 0
    assert bench.count("extauth_bucket_spends_total", source="redis", **spent) > 0


def test_what_is_hidden_and_what_is_told_of_limits_go_together(leased_of: Callable[..., Bench]) -> None:
    credentials = [{"cookie": "session"}, {"query": "token"}, {"header": "x-api-key"}]
    bench = leased_of({**API, "credentials": credentials, "limits": [PER_KEY]})
    key, record = published(bench)
    until_leased(bench, key)
    answer = bench.ask(check_request({"cookie": f"a=1; session={key}; b=2"}))
    assert answer.set_headers == {"x-auth-key-id": record.key_id, "x-auth-tenant": "acme", "cookie": "a=1; b=2"}
    assert 0 < remaining(answer) < 400
    answer = bench.ask(check_request({}, path=f"/?token={key}"))
    assert answer.removed_parameters == ["token"]
    assert 0 < remaining(answer) < 400


def test_a_template_is_filled_in_for_what_is_refused_from_memory(leased_of: Callable[..., Bench]) -> None:
    limit = {"name": "few", "by": "key", "rate": "1/h", "burst": 3, "mode": "leased"}
    errors = {"rate_limited": {"body": {"retry": "{retry_after}", "path": "{path}"}}}
    bench = leased_of({**API, "limits": [limit], "errors": errors})
    key, _ = published(bench)
    bodies = [bench.get(key, path=f"/{number}").body for number in range(6)]
    assert [json.loads(body)["path"] for body in bodies if body] == ["/3", "/4", "/5"]
    assert bench.count("extauth_bucket_spends_total", api="demo", limit="few", source="lease", outcome="limited") == 2


def test_another_policy_for_a_limit_takes_over_what_was_spent(leased_of: Callable[..., Bench]) -> None:
    first = leased_of({**API, "limits": [{**PER_KEY, "mode": "exact", "burst": 10}]})
    key, _ = published(first)
    assert all(first.get(key).code == 0 for _ in range(10))
    second = leased_of({**API, "limits": [{**PER_KEY, "mode": "exact", "rate": "1/min", "burst": 12}]})
    assert [second.get(key).http_status for _ in range(4)] == [200, 200, 429, 429]
