"""Where a policy finds credentials: schemes, query parameters, cookies; on real Redis."""

import pytest

from tests.support.check_messages import check_request
from tests.support.decider import API, BenchMaker, published

BEARER = {"header": "Authorization", "scheme": "Bearer"}


def test_several_schemes_are_accepted_in_any_case(bench_of: BenchMaker) -> None:
    bench = bench_of({**API, "credentials": [{"header": "Authorization", "scheme": ["ApiKey", "Token"]}]})
    key, _ = published(bench)
    for value in (f"ApiKey {key}", f"apikey {key}", f"TOKEN  {key} "):
        assert bench.ask(check_request({"authorization": value})).code == 0
    for value in (key, f"Bearer {key}", "ApiKey", "ApiKey "):
        assert bench.ask(check_request({"authorization": value})).reason == "missing_key"


def test_a_scheme_may_be_optional(bench_of: BenchMaker) -> None:
    bench = bench_of({**API, "credentials": [{"header": "x-api-token", "scheme": "Bearer", "scheme_optional": True}]})
    key, _ = published(bench)
    for value in (key, f"Bearer {key}", f"bearer {key}", f" {key}\t"):
        assert bench.ask(check_request({"x-api-token": value})).code == 0
    assert bench.ask(check_request({"x-api-token": f"Basic {key}"})).reason == "missing_key"


def test_a_key_in_the_query_is_used_and_taken_out(bench_of: BenchMaker) -> None:
    bench = bench_of({**API, "credentials": [{"query": "api_key"}]})
    key, _ = published(bench)
    answer = bench.ask(check_request({}, path=f"/x?b=2&api_key={key}&a=1"))
    assert answer.code == 0
    assert answer.removed_parameters == ["api_key"]
    encoded = key.replace("_", "%5F")
    assert bench.ask(check_request({}, path=f"/x?api_key={encoded}")).code == 0


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "missing_key"),
        ("api_key", "missing_key"),
        ("api_key=", "missing_key"),
        ("x=api_key={key}", "missing_key"),
        ("API_KEY={key}", "missing_key"),
        ("x=1;api_key={key}", "missing_key"),
        ("api_key={key}&api_key={key}", "ambiguous_key"),
        ("api_key={key}&api_key=", "ambiguous_key"),
        ("api%5Fkey={key}", "malformed_key"),
        ("a=1&%61pi_key={key}&api_key={key}", "malformed_key"),
        ("api_key={key};x", "malformed_key"),
        ("api_key={key}%00", "malformed_key"),
        ("api_key={key}%ff", "malformed_key"),
        ("api_key={key}%2", "malformed_key"),
    ],
)
def test_hostile_queries(bench_of: BenchMaker, query: str, reason: str) -> None:
    bench = bench_of({**API, "credentials": [{"query": "api_key"}]})
    key, _ = published(bench)
    answer = bench.ask(check_request({}, path="/x?" + query.format(key=key)))
    assert answer.reason == reason


def test_a_query_without_a_key_is_not_rewritten(bench_of: BenchMaker) -> None:
    bench = bench_of({**API, "credentials": [{"query": "api_key"}, {"header": "x-api-key"}]})
    key, _ = published(bench)
    assert bench.get(key, path="/x?z=1&a=2").removed_parameters == []
    assert bench.get(key, path=f"/x?api_key={key}").reason == "ambiguous_key"


@pytest.mark.parametrize("raw", [False, True], ids=["headers", "header_map"])
def test_a_key_in_a_cookie_is_used_and_taken_out(bench_of: BenchMaker, raw: bool) -> None:
    bench = bench_of({**API, "credentials": [{"cookie": "session"}]})
    key, _ = published(bench)
    two = bench.ask(check_request([("cookie", f"a=1; session={key}; b=2=3")], raw=raw))
    assert two.code == 0
    assert two.set_headers["cookie"] == "a=1; b=2=3"
    joined = bench.ask(check_request([("cookie", f"session={key}"), ("cookie", "a=1")], raw=raw))
    assert joined.set_headers["cookie"] == "a=1"
    alone = bench.ask(check_request({"cookie": f"session={key}"}, raw=raw))
    assert "cookie" in alone.removed_headers
    assert "cookie" not in alone.set_headers
    twice = bench.ask(check_request([("cookie", f"session={key}"), ("cookie", f"session={key}")], raw=raw))
    assert twice.reason == "ambiguous_key"
    assert bench.ask(check_request({"cookie": "a=1"}, raw=raw)).reason == "missing_key"


def test_an_unrelated_cookie_is_left_alone(bench_of: BenchMaker) -> None:
    bench = bench_of()
    key, _ = published(bench)
    answer = bench.ask(check_request({"x-api-key": key, "cookie": "a=1"}))
    assert "cookie" not in answer.set_headers
    assert answer.removed_headers == ["x-api-key"]


def test_bearers_are_told_what_was_wrong_as_rfc_6750_says(bench_of: BenchMaker) -> None:
    bench = bench_of({**API, "credentials": [BEARER], "scopes": ["x"]})
    key, _ = published(bench)
    forbidden = bench.ask(check_request({"authorization": f"Bearer {key}"}))
    assert forbidden.headers["www-authenticate"] == 'Bearer realm="demo", error="insufficient_scope"'
    assert bench.ask(check_request({})).headers["www-authenticate"] == 'Bearer realm="demo"'
