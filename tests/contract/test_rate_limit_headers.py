"""The headers that tell of limits are those that the policy asks for, whether Redis or a lease answers."""

import json
from typing import Any

import pytest

from tests.support.check_messages import Answer
from tests.support.decider import API, Bench, BenchMaker, published
from tests.support.wait import wait_until

LIMIT = {"name": "per-key", "by": "key", "rate": "1/h", "burst": 80, "mode": "leased"}
SLOW = {"name": "per-tenant", "by": "tenant", "rate": "10/d", "burst": 100, "mode": "leased"}
POLICY = '"per-key";q=80;w=288000, "per-tenant";q=100;w=864000'
ERRORS = {"rate_limited": {"body": {"again_in": "{retry_after}"}}}


def api(limits: list[dict[str, Any]], **rate_limit_headers: object) -> dict[str, Any]:
    return {**API, "limits": limits, "rate_limit_headers": rate_limit_headers, "errors": ERRORS}


def told(answer: Answer) -> dict[str, str]:
    sent = {**answer.response_headers, **answer.headers}
    return {name: value for name, value in sent.items() if "ratelimit" in name or name == "retry-after"}


def leased(bench: Bench) -> float:
    name = "extauth_bucket_spends_total"
    return bench.count(name, api="demo", limit="per-key", source="lease", outcome="allowed")


def test_the_fields_of_the_ietf_draft(bench_of: BenchMaker) -> None:
    bench = bench_of(api([LIMIT, SLOW], fields=["ietf"]))
    bench.time.stop()
    key, _ = published(bench)
    first = told(bench.get(key))
    assert first == {"ratelimit-policy": POLICY, "ratelimit": '"per-key";r=79;t=3600'}

    answers = [bench.get(key)]

    def from_memory() -> bool:
        answers.append(bench.get(key))
        return leased(bench) > 0

    wait_until(from_memory)
    fields = told(answers[-1])
    assert fields.keys() == first.keys()
    assert fields["ratelimit-policy"] == POLICY
    assert fields["ratelimit"].startswith('"per-key";r=')

    refused = next(answer for answer in iter(lambda: bench.get(key), None) if answer.code)
    assert told(refused).keys() == {*first, "retry-after"}
    assert told(refused)["ratelimit"] == '"per-key";r=0;t=288000'


def test_none_are_sent_that_are_not_asked_for(bench_of: BenchMaker) -> None:
    bench = bench_of(api([{**LIMIT, "burst": 1}], fields=[]))
    key, _ = published(bench)
    passed, refused = bench.get(key), bench.get(key)
    assert told(passed) == {}
    assert told(refused).keys() == {"retry-after"}


def test_both_kinds_at_once(bench_of: BenchMaker) -> None:
    bench = bench_of(api([{**LIMIT, "burst": 1}], fields=["x-ratelimit", "ietf"]))
    key, _ = published(bench)
    expected = {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit", "ratelimit-policy"}
    assert told(bench.get(key)).keys() == expected
    assert told(bench.get(key)).keys() == {*expected, "retry-after"}


@pytest.mark.parametrize(("jitter", "longest"), [(0, 3600), (1, 7200)])
def test_the_body_and_the_header_tell_the_same_wait(bench_of: BenchMaker, jitter: int, longest: int) -> None:
    bench = bench_of(api([{**LIMIT, "burst": 1}], retry_after_jitter=jitter))
    key, _ = published(bench)
    bench.get(key)
    refused = [bench.get(key) for _ in range(20)]
    waits = [int(told(answer)["retry-after"]) for answer in refused]
    assert [int(json.loads(answer.body)["again_in"]) for answer in refused] == waits
    assert all(3500 < wait <= longest for wait in waits)
    assert (len(set(waits)) > 5) == bool(jitter)
