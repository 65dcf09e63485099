"""Key guessing: too many failures from one address or for one tenant, and who is spared."""

from typing import Any

import pytest

from extauth.keys.record import Status
from tests.support.check_messages import Answer, check_request
from tests.support.decider import API, Bench, BenchMaker, published
from tests.support.keys import issue

BY_ADDRESS = {**API, "client_address": {"header": "x-envoy-external-address"}}
BY_TENANT = {**API, "tenant": {"header": "x-tenant"}}
THREE = {"rate": "1/10s", "burst": 3}
OURS, THEIRS = "203.0.113.9", "203.0.113.10"
MISS = {"result": "miss"}


@pytest.fixture
def bench(bench_of: BenchMaker) -> Bench:
    return bench_of(BY_ADDRESS, key_guessing={"by_address": THREE})


def get(bench: Bench, key: str, address: str = OURS, **headers: str) -> Answer:
    sent = {"x-api-key": key, "x-envoy-external-address": address, **headers}
    return bench.ask(check_request({name: value for name, value in sent.items() if value}))


def is_allowed(answer: Answer) -> bool:
    return answer.http_status == 200


def guess(bench: Bench, times: int, address: str = OURS) -> list[str]:
    """Keys that are well made, and that nobody has."""
    return [get(bench, issue()[0], address).reason for _ in range(times)]


def test_a_fourth_failure_is_refused_without_a_lookup(bench: Bench) -> None:
    assert guess(bench, 3) == ["invalid_key"] * 3
    looked_up = bench.count("extauth_near_cache_lookups_total", **MISS)
    assert guess(bench, 5) == ["too_many_failures"] * 5
    assert bench.count("extauth_near_cache_lookups_total", **MISS) == looked_up == 3
    assert bench.count("extauth_checks_total", api="demo", reason="too_many_failures") == 5
    assert bench.count("extauth_key_guessing_sources", by="address") == 1


def test_it_is_told_how_long_to_wait_and_then_may_fail_again(bench: Bench) -> None:
    bench.time.stop()
    guess(bench, 3)
    answer = get(bench, issue()[0])
    assert (answer.http_status, answer.headers["retry-after"]) == (429, "10")
    bench.time.move(10)
    assert guess(bench, 2) == ["invalid_key", "too_many_failures"]


def test_junk_counts_as_well(bench: Bench) -> None:
    found = [get(bench, "junk").reason for _ in range(4)]
    assert found == ["malformed_key"] * 3 + ["too_many_failures"]
    assert bench.count("extauth_near_cache_lookups_total", **MISS) == 0


def test_others_are_not_concerned(bench: Bench) -> None:
    guess(bench, 4)
    assert guess(bench, 1, THEIRS) == ["invalid_key"]


def test_keys_in_memory_are_spared(bench: Bench) -> None:
    """An address may be that of a whole company, of whom one sends nonsense."""
    known, _ = published(bench)
    unknown, _ = published(bench)
    assert is_allowed(get(bench, known))
    guess(bench, 4)
    assert is_allowed(get(bench, known))
    assert get(bench, unknown).reason == "too_many_failures"
    assert is_allowed(get(bench, unknown, THEIRS))


@pytest.mark.parametrize("sent", ["revoked", "expired", "none"])
def test_what_is_no_guess_is_not_counted(bench: Bench, sent: str) -> None:
    fields: dict[str, dict[str, Any]] = {
        "revoked": {"status": Status.REVOKED},
        "expired": {"expires_at": 1},
        "none": {},
    }
    key, _ = published(bench, **fields[sent])
    answers = {get(bench, "" if sent == "none" else key).reason for _ in range(10)}
    assert "too_many_failures" not in answers
    assert guess(bench, 1) == ["invalid_key"]


def test_an_api_that_does_not_say_where_the_address_stands_counts_none(bench_of: BenchMaker) -> None:
    """The TCP peer may be a load balancer: everybody."""
    bench = bench_of(key_guessing={"by_address": THREE})
    assert guess(bench, 10) == ["invalid_key"] * 10


def test_a_tenant_that_is_guessed_at(bench_of: BenchMaker) -> None:
    bench = bench_of(BY_TENANT, key_guessing={"by_tenant": THREE})
    known, _ = published(bench, tenant="acme")
    assert is_allowed(get(bench, known, **{"x-tenant": "acme"}))

    def guess_at(tenant: str, number: int) -> str:
        return get(bench, issue()[0], f"203.0.113.{number}", **{"x-tenant": tenant}).reason

    assert [guess_at("acme", number) for number in range(4)] == ["invalid_key"] * 3 + ["too_many_failures"]
    assert guess_at("other", 1) == "invalid_key"
    assert is_allowed(get(bench, known, **{"x-tenant": "acme"}))
    assert [guess_at("a" * 10_000, number) for number in range(5)] == ["invalid_key"] * 5, "no name of a tenant"


def test_an_absent_key_that_is_made_works_at_once(bench: Bench) -> None:
    """The negative cache is told of a key's creation; more of it in test_feed.py."""
    key, record = issue()
    assert get(bench, key).reason == "invalid_key"
    bench.store.put([record])
    bench.cache.change(record.digest, record.version)
    assert is_allowed(get(bench, key))
