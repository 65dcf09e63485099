"""Whole decisions for callers who have limits of their own, with real Redis."""

from collections.abc import Mapping
from dataclasses import replace

from structlog.testing import capture_logs

from extauth.keys.record import LimitOverride, Owner
from tests.support.check_messages import Answer
from tests.support.decider import API, Bench, BenchMaker, published

PER_KEY = {"name": "per-key", "by": "key", "rate": "1/h", "burst": 2}
PER_TENANT = {"name": "per-tenant", "by": "tenant", "rate": "1/h", "burst": 4}


def own(name: str, burst: int, owner: Owner = Owner.KEY) -> LimitOverride:
    return LimitOverride(name, 1, 3600, burst, owner)


def headers(answer: Answer) -> Mapping[str, str]:
    return {**answer.response_headers, **answer.headers}


def passed(bench: Bench, key: str) -> int:
    """How many requests pass before one is limited."""
    answers = iter(lambda: bench.get(key), None)
    return next(number for number, answer in enumerate(answers) if answer.http_status == 429)


def test_a_limit_of_the_callers_own_counts_and_is_told(bench_of: BenchMaker) -> None:
    bench = bench_of({**API, "limits": [PER_KEY]})
    mine, _ = published(bench, limits=(own("per-key", 3),))
    other, _ = published(bench)
    first = headers(bench.get(mine))
    assert (first["x-ratelimit-limit"], first["x-ratelimit-remaining"]) == ("3", "2")
    assert passed(bench, mine) == 2
    assert headers(bench.get(mine))["x-ratelimit-limit"] == "3"
    assert passed(bench, other) == 2


def test_keys_of_a_tenant_with_limits_of_their_own_do_not_meet(bench_of: BenchMaker) -> None:
    bench = bench_of({**API, "limits": [PER_TENANT]})
    few, _ = published(bench, limits=(own("per-tenant", 1),))
    many, _ = published(bench, limits=(own("per-tenant", 6),))
    first, second = (published(bench)[0] for _ in range(2))
    assert [passed(bench, key) for key in (few, many, first, second)] == [1, 6, 4, 0]


def test_a_tenants_limit_is_shared_by_its_keys_and_a_plans_by_those_on_it(bench_of: BenchMaker) -> None:
    bench = bench_of({**API, "limits": [PER_TENANT]})
    tenants = [published(bench, tenant="t", limits=(own("per-tenant", 3, Owner.TENANT),))[0] for _ in range(2)]
    assert [passed(bench, key) for key in tenants] == [3, 0]
    gold = [published(bench, plan="gold", limits=(own("per-tenant", 5, Owner.PLAN),))[0] for _ in range(2)]
    free, _ = published(bench, plan="free", limits=(own("per-tenant", 1, Owner.PLAN),))
    assert [passed(bench, key) for key in (*gold, free)] == [5, 0, 1]


def test_a_change_of_the_override_takes_over_what_was_spent(bench_of: BenchMaker) -> None:
    bench = bench_of({**API, "limits": [PER_KEY]})
    key, record = published(bench, limits=(own("per-key", 1),))
    assert passed(bench, key) == 1
    bench.store.put([replace(record, version=record.version._replace(revision=2), limits=(own("per-key", 3),))])
    bench.cache.clear()
    assert passed(bench, key) == 2


def test_what_no_bucket_can_count_is_a_fault_of_ours_and_said_once(bench_of: BenchMaker) -> None:
    bench = bench_of({**API, "limits": [PER_KEY]})
    key, record = published(bench, limits=(LimitOverride("per-key", 1, 2_592_000, 10**9, Owner.PLAN),))
    with capture_logs() as logs:
        answers = [bench.get(key) for _ in range(3)]
    assert [(answer.kind, answer.http_status) for answer in answers] == [("error", 503)] * 3
    assert [(log["event"], log["key_id"], log["limit"]) for log in logs] == [
        ("limit_cannot_be_counted", record.key_id, "the limit 'per-key' of its plan")
    ]
    assert bench.count("extauth_checks_total", api="demo", reason="unavailable") == 3
