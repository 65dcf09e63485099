"""Whole decisions, from request bytes to response bytes, with real Redis behind them."""

import json
import time
from typing import Any

import pytest

from extauth.keys.digest import Pepper
from extauth.keys.record import Status
from extauth.keys.token import generate
from tests.support.check_messages import check_request
from tests.support.decider import API, Bench, BenchMaker, published
from tests.support.keys import PEPPER
from tests.support.redis_server import RedisServer

LIMITED = {"name": "per-key", "by": "key", "rate": "1/h", "burst": 2}


def test_a_key_is_allowed_and_the_upstream_learns_who_calls(bench: Bench) -> None:
    key, record = published(bench)
    answer = bench.get(key)
    assert (answer.code, answer.kind) == (0, "ok")
    assert answer.set_headers == {"x-auth-key-id": record.key_id, "x-auth-tenant": "acme"}
    assert answer.removed_headers == ["x-api-key"]
    assert answer.response_headers == {}
    assert bench.count("extauth_checks_total", api="demo", reason="ok") == 1


def test_the_second_check_is_answered_from_memory(bench: Bench, redis_server: RedisServer) -> None:
    key, _ = published(bench)
    assert bench.get(key).code == 0
    with redis_server.client() as client:
        client.flushall()
    assert bench.get(key).code == 0
    assert bench.count("extauth_near_cache_lookups_total", result="miss") == 1
    assert bench.count("extauth_near_cache_lookups_total", result="hit") == 1
    assert bench.count("extauth_check_seconds_count", source="memory") == 1
    assert bench.count("extauth_check_seconds_count", source="redis") == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": Status.REVOKED}, "revoked_key"),
        ({"status": Status.DISABLED}, "disabled_key"),
        ({"not_before": 4_000_000_000_000}, "not_yet_valid"),
        ({"expires_at": 1_000_000_000_000}, "expired_key"),
    ],
)
def test_a_key_that_is_not_in_force_is_refused(bench: Bench, changes: dict[str, Any], reason: str) -> None:
    key, _ = published(bench, **changes)
    for _ in range(2):  # from Redis, then from memory
        answer = bench.get(key)
        assert (answer.code, answer.kind, answer.http_status) == (16, "denied", 401)
        assert answer.reason == reason
        assert answer.headers["www-authenticate"] == 'ApiKey realm="demo"'
        assert answer.headers["content-type"] == "application/json"
    assert bench.count("extauth_checks_total", api="demo", reason=reason) == 2


def test_a_key_expires_while_it_is_in_memory(bench: Bench) -> None:
    key, _ = published(bench, expires_at=int(time.time() * 1000) + 2000)
    assert bench.get(key).code == 0
    bench.time.offset = 2.5
    assert bench.get(key).reason == "expired_key"


def test_no_key_is_refused_without_asking_redis(bench: Bench) -> None:
    answer = bench.ask(check_request({}))
    assert (answer.code, answer.http_status) == (16, 401)
    assert json.loads(answer.body) == {"error": "missing_key", "message": "An API key is required."}
    assert bench.count("extauth_check_seconds_count", source="redis") == 0


@pytest.mark.parametrize("key", ["x", "test_short_x", "test_" + "a" * 12 + "_" + "b" * 38, "a" * 20_000, "töst", " ; "])
def test_junk_is_refused_without_asking_redis(bench: Bench, key: str) -> None:
    assert bench.get(key).reason == "malformed_key"
    assert bench.count("extauth_check_seconds_count", source="redis") == 0


def test_a_key_with_one_character_changed_is_malformed(bench: Bench) -> None:
    key, _ = published(bench)
    typo = key[:-10] + ("a" if key[-10] != "a" else "b") + key[-9:]
    assert bench.get(typo).reason == "malformed_key"


def test_an_unknown_key_is_looked_up_once_and_then_known_to_be_absent(bench: Bench) -> None:
    key = str(generate("test"))
    for _ in range(3):
        answer = bench.get(key)
        assert (answer.code, answer.http_status) == (16, 401)
        assert answer.reason == "invalid_key"
    assert bench.count("extauth_near_cache_lookups_total", result="miss") == 1
    assert bench.count("extauth_near_cache_lookups_total", result="absent") == 2


@pytest.mark.parametrize("raw", [False, True], ids=["headers", "header_map"])
def test_a_key_that_is_sent_twice_is_refused_even_if_both_are_good(bench: Bench, raw: bool) -> None:
    key, _ = published(bench)
    answer = bench.ask(check_request([("x-api-key", key), ("x-api-key", key)], raw=raw))
    assert answer.reason == "ambiguous_key"


@pytest.mark.parametrize("raw", [False, True], ids=["headers", "header_map"])
def test_a_key_in_two_places_is_refused(bench_of: BenchMaker, raw: bool) -> None:
    bench = bench_of({**API, "credentials": [{"header": "x-api-key"}, {"header": "authorization", "scheme": "Bearer"}]})
    key, _ = published(bench)
    answer = bench.ask(check_request([("x-api-key", key), ("authorization", f"Bearer {key}")], raw=raw))
    assert answer.reason == "ambiguous_key"
    assert answer.headers["www-authenticate"] == 'ApiKey realm="demo", Bearer realm="demo", error="invalid_token"'
    assert bench.ask(check_request({"authorization": f"bearer  {key}"}, raw=raw)).code == 0
    assert bench.ask(check_request({"authorization": f"Basic {key}"}, raw=raw)).http_status == 401


def test_all_places_of_a_key_are_hidden_from_the_upstream(bench_of: BenchMaker) -> None:
    bench = bench_of({**API, "credentials": [{"header": "X-API-Key"}, {"header": "authorization", "scheme": "Bearer"}]})
    key, _ = published(bench)
    assert bench.get(key).removed_headers == ["x-api-key", "authorization"]


def test_bytes_outside_ascii_never_match_a_key(bench: Bench) -> None:
    key, _ = published(bench)
    answer = bench.ask(check_request([("x-api-key", key.encode() + b"\xff")], raw=True))
    assert answer.reason == "malformed_key"


def test_a_key_under_the_previous_pepper_still_works(bench_of: BenchMaker) -> None:
    current = Pepper("p2", b"another pepper, 32 bytes or longer")
    bench = bench_of(peppers=(current, PEPPER))
    key, _ = published(bench)
    assert bench.get(key).code == 0
    assert bench.get(key).code == 0
    assert bench.count("extauth_near_cache_lookups_total", result="miss") == 1


def test_a_prefix_that_is_not_accepted_here_is_refused_without_asking_redis(bench_of: BenchMaker) -> None:
    bench = bench_of(prefixes=("live",))
    key, _ = published(bench)
    assert bench.get(key).reason == "invalid_key"
    assert bench.count("extauth_check_seconds_count", source="redis") == 0


def test_scopes_are_required_by_the_api(bench_of: BenchMaker) -> None:
    bench = bench_of({**API, "scopes": ["read", "write"]})
    reader, _ = published(bench, scopes=("read",))
    writer, _ = published(bench, scopes=("read", "write", "admin"))
    refused = bench.get(reader)
    assert (refused.code, refused.http_status) == (7, 403)
    assert refused.reason == "missing_scope"
    assert bench.get(writer).code == 0


def test_the_first_api_that_matches_is_the_one(bench_of: BenchMaker) -> None:
    bench = bench_of(
        {**API, "name": "admin", "match": {"paths": ["/admin"], "hosts": ["api.example.com"]}, "scopes": ["admin"]},
        {**API, "name": "rest", "match": {"hosts": ["*.example.com"], "methods": ["GET"]}},
    )
    key, _ = published(bench)
    assert bench.get(key, host="API.example.com:8443", path="/admin/x").http_status == 403
    assert bench.get(key, host="api.example.com", path="/administer").code == 0
    assert bench.get(key, host="other.example.com.", path="/admin").code == 0
    nowhere = bench.get(key, host="example.org")
    assert (nowhere.code, nowhere.http_status) == (7, 403)
    assert nowhere.reason == "no_policy"
    assert bench.get(key, host="other.example.com", method="POST").http_status == 403
    assert bench.count("extauth_checks_total", api="none", reason="no_policy") == 2


@pytest.mark.parametrize(
    "path",
    [
        "//admin",
        "/a/../admin",
        "/./admin",
        "/%61dmin",
        "/x%2fadmin",
        "/x%5Cadmin",
        "/admin;x=1",
        "/a\\b",
        "/a%00",
        "/%zz",
    ],
)
def test_a_path_that_servers_read_differently_is_refused_where_paths_matter(bench_of: BenchMaker, path: str) -> None:
    by_path = bench_of({**API, "match": {"paths": ["/"]}})
    key, _ = published(by_path)
    answer = by_path.get(key, path=path)
    assert (answer.code, answer.http_status) == (3, 400)
    assert answer.reason == "bad_request"
    assert bench_of(API).get(key, path=path).code == 0


def test_context_extensions_choose_the_api(bench_of: BenchMaker) -> None:
    bench = bench_of({**API, "name": "gold", "match": {"context": {"policy": "gold"}}})
    key, _ = published(bench)
    assert bench.get(key, context={"policy": "gold"}).code == 0
    assert bench.get(key).http_status == 403


def test_an_empty_bucket_is_429_with_all_that_a_client_needs(bench_of: BenchMaker) -> None:
    bench = bench_of({**API, "limits": [LIMITED, {"name": "per-tenant", "by": "tenant", "rate": "100/s"}]})
    key, _ = published(bench)
    first, second, third = bench.get(key), bench.get(key), bench.get(key)
    assert (first.code, second.code) == (0, 0)
    assert [answer.response_headers["x-ratelimit-remaining"] for answer in (first, second)] == ["1", "0"]
    assert first.response_headers["x-ratelimit-limit"] == "2"
    assert abs(int(first.response_headers["x-ratelimit-reset"]) - time.time() - 3600) < 10
    assert (third.code, third.kind, third.http_status) == (8, "denied", 429)
    assert third.reason == "rate_limited"
    assert 3590 <= int(third.headers["retry-after"]) <= 3600
    assert (third.headers["x-ratelimit-limit"], third.headers["x-ratelimit-remaining"]) == ("2", "0")
    spends = {"api": "demo", "limit": "per-key", "source": "redis"}
    assert bench.count("extauth_bucket_spends_total", outcome="limited", **spends) == 1
    assert bench.count("extauth_bucket_spends_total", outcome="allowed", **spends) == 2


def test_keys_of_one_tenant_share_its_bucket_and_no_others(bench_of: BenchMaker) -> None:
    bench = bench_of({**API, "limits": [{"name": "per-tenant", "by": "tenant", "rate": "2/h"}]})
    first, second = published(bench)[0], published(bench)[0]
    stranger, _ = published(bench, tenant="other")
    assert [bench.get(key).http_status for key in (first, second, first, second, stranger)] == [200, 200, 429, 429, 200]


def test_a_refused_key_spends_nothing(bench_of: BenchMaker, redis_server: RedisServer) -> None:
    bench = bench_of({**API, "limits": [LIMITED], "scopes": ["write"]})
    key, _ = published(bench, scopes=("read",))
    assert bench.get(key).http_status == 403
    with redis_server.client() as client:
        assert not list(client.scan_iter(match="test:bucket:*"))


def test_grpc_clients_get_a_grpc_status_and_no_body(bench_of: BenchMaker) -> None:
    bench = bench_of({**API, "limits": [LIMITED]})
    key, _ = published(bench)
    grpc = {"content-type": "application/grpc+proto", "te": "trailers"}
    missing = bench.ask(check_request(grpc))
    assert (missing.headers["grpc-status"], missing.headers["grpc-message"]) == ("16", "An API key is required.")
    assert missing.body == ""
    assert "content-type" not in missing.headers
    limited = [bench.ask(check_request({**grpc, "x-api-key": key})) for _ in range(3)][-1]
    assert (limited.http_status, limited.headers["grpc-status"]) == (429, "8")
    assert "retry-after" in limited.headers
    web = bench.ask(check_request({"content-type": "application/grpc-web+proto"}))
    assert "grpc-status" not in web.headers
    assert web.reason == "missing_key"


@pytest.mark.parametrize("message", [b"", b"\x00junk", b"\x0a\x02\x22\x00", b"\xff" * 100])
def test_a_message_that_tells_of_no_request_is_never_allowed(bench: Bench, message: bytes) -> None:
    answer = bench.ask(message)
    assert (answer.code, answer.http_status) == (3, 400)


def test_connect_without_a_path_is_decided_and_other_methods_without_one_are_not(bench: Bench) -> None:
    key, _ = published(bench)
    assert bench.get(key, method="CONNECT", path="", host="target:443").code == 0
    assert bench.get(key, method="GET", path="").http_status == 400


def test_checks_of_known_callers_are_counted_for_the_ledger(bench_of: BenchMaker) -> None:
    bench = bench_of({**API, "limits": [LIMITED]})
    key, record = published(bench)
    late, expired = published(bench, expires_at=1_000)
    for sent in (key, key, key, late, str(generate("test")), "junk"):
        bench.get(sent)
    rows = [(record.key_id, "acme", "demo", outcome) for outcome in ("allowed", "allowed", "limited")]
    assert bench.usage == [*rows, (expired.key_id, "acme", "demo", "denied:expired_key")]
