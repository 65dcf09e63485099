"""What a policy says to those who are refused, whatever they sent."""

import json

import pytest

from extauth.keys.token import generate
from tests.support.check_messages import check_request
from tests.support.decider import API, BenchMaker, published
from tests.support.redis_server import RedisServer


def test_templates_are_chosen_from_narrow_to_wide_and_from_api_to_file(bench_of: BenchMaker) -> None:
    errors = {
        "missing_key": {"body": "file missing"},
        "unauthenticated": {"body": "file 401"},
        "default": {"body": "file"},
    }
    bench = bench_of({**API, "errors": {"unauthenticated": {"body": "api 401", "status": 403}}}, errors=errors)
    missing = bench.ask(check_request({}))
    assert (missing.http_status, missing.body) == (401, "file missing")
    assert missing.headers["content-type"] == "text/plain; charset=utf-8"
    malformed = bench.get("junk")
    assert (malformed.http_status, malformed.body) == (403, "api 401")
    unrouted = bench_of({**API, "match": {"hosts": ["elsewhere"]}}, errors=errors).get("junk")
    assert (unrouted.http_status, unrouted.body) == (403, "file")


def test_a_template_tells_what_it_is_asked_to(bench_of: BenchMaker) -> None:
    body = {
        "m": "{method}",
        "p": "{path}",
        "e": "{endpoint}",
        "k": "{key_id}",
        "t": "{tenant}",
        "x": "{expires_at}",
        "s": "{status}",
        "r": "{reason}!",
        "list": ["{message}", 1, None, True],
        "unknown": "{no placeholder}",
    }
    bench = bench_of({**API, "match": {"paths": ["/v1"]}, "errors": {"expired_key": {"status": 410, "body": body}}})
    key, record = published(bench, expires_at=1_704_067_200_999)
    answer = bench.get(key, method="PUT", path="/v1/users/7?q=secret")
    assert answer.http_status == 410
    assert json.loads(answer.body) == {
        "m": "PUT",
        "p": "/v1/users/7",
        "e": "users/7",
        "k": record.key_id,
        "t": "acme",
        "x": "2024-01-01T00:00:00Z",
        "s": 410,
        "r": "expired_key!",
        "list": ["The API key has expired.", 1, None, True],
        "unknown": "{no placeholder}",
    }
    assert list(json.loads(answer.body)) == list(body)


def test_a_limit_is_told_in_numbers(bench_of: BenchMaker) -> None:
    limits = [{"name": "a", "by": "key", "rate": "1/h"}]
    bench = bench_of(
        {**API, "limits": limits, "errors": {"rate_limited": {"body": {"l": "{limit}", "r": "{retry_after}"}}}}
    )
    key, _ = published(bench)
    bench.get(key)
    answer = bench.get(key)
    assert json.loads(answer.body) == {"l": 1, "r": int(answer.headers["retry-after"])}


@pytest.mark.parametrize("path", ['/"}\r\nx', "/\u2028</script>", "/é\x00", "/{reason}", "/" + "a" * 60_000])
def test_what_a_client_sent_cannot_break_out_of_a_body(bench_of: BenchMaker, path: str) -> None:
    bench = bench_of(API, errors={"missing_key": {"body": {"p": "{path}"}}, "malformed_key": {"body": "at {path}"}})
    as_json = bench.ask(check_request({}, path=path))
    assert json.loads(as_json.body) == {"p": path}
    assert as_json.body.isascii()
    assert as_json.body.isprintable()
    as_text = bench.get("junk", path=path)
    assert as_text.body.isascii()
    assert as_text.body.isprintable()
    assert not set('<>"') & set(as_text.body)


def test_the_status_of_our_own_fault_stays_a_server_fault(bench_of: BenchMaker, redis_server: RedisServer) -> None:
    bench = bench_of(API, errors={"default": {"status": 401, "body": "no"}})
    with redis_server.client() as client:
        client.flushall()
    answer = bench.get(str(generate("test")))
    assert (answer.kind, answer.http_status, answer.body) == ("error", 503, "no")


def test_headers_of_a_template_replace_ours(bench_of: BenchMaker) -> None:
    template = {
        "headers": {"Content-Type": "application/problem+json", "x-support": "help@example.com"},
        "body": {"a": 1},
    }
    answer = bench_of(API, errors={"default": template}).ask(check_request({}))
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-support"] == "help@example.com"
