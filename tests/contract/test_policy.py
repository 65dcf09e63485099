"""What a policy can say: places of credentials, tenants, permissions, error bodies, tokens; on real Redis."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from extauth.bearer.claims import Claims, Refusal
from extauth.keys.mark import Claim, mark
from extauth.keys.record import KeyRecord, Status, Version
from extauth.keys.token import generate
from tests.support.check_messages import check_request
from tests.support.decider import API, Bench, BenchMaker, published
from tests.support.keys import PEPPER
from tests.support.redis_server import RedisServer

BEARER = {"header": "Authorization", "scheme": "Bearer"}


def reason_of(body: str) -> str:
    found: str = json.loads(body)["error"]
    return found


# Places of credentials


def test_several_schemes_are_accepted_in_any_case(bench_of: BenchMaker) -> None:
    bench = bench_of({**API, "credentials": [{"header": "Authorization", "scheme": ["ApiKey", "Token"]}]})
    key, _ = published(bench)
    for value in (f"ApiKey {key}", f"apikey {key}", f"TOKEN  {key} "):
        assert bench.ask(check_request({"authorization": value})).code == 0
    for value in (key, f"Bearer {key}", "ApiKey", "ApiKey "):
        assert reason_of(bench.ask(check_request({"authorization": value})).body) == "missing_key"


def test_a_scheme_may_be_optional(bench_of: BenchMaker) -> None:
    bench = bench_of({**API, "credentials": [{"header": "x-api-token", "scheme": "Bearer", "scheme_optional": True}]})
    key, _ = published(bench)
    for value in (key, f"Bearer {key}", f"bearer {key}", f" {key}\t"):
        assert bench.ask(check_request({"x-api-token": value})).code == 0
    assert reason_of(bench.ask(check_request({"x-api-token": f"Basic {key}"})).body) == "missing_key"


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
    assert reason_of(answer.body) == reason


def test_a_query_without_a_key_is_not_rewritten(bench_of: BenchMaker) -> None:
    bench = bench_of({**API, "credentials": [{"query": "api_key"}, {"header": "x-api-key"}]})
    key, _ = published(bench)
    assert bench.get(key, path="/x?z=1&a=2").removed_parameters == []
    assert reason_of(bench.get(key, path=f"/x?api_key={key}").body) == "ambiguous_key"


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
    assert reason_of(twice.body) == "ambiguous_key"
    assert reason_of(bench.ask(check_request({"cookie": "a=1"}, raw=raw)).body) == "missing_key"


def test_an_unrelated_cookie_is_left_alone(bench_of: BenchMaker) -> None:
    bench = bench_of()
    key, _ = published(bench)
    answer = bench.ask(check_request({"x-api-key": key, "cookie": "a=1"}))
    assert "cookie" not in answer.set_headers
    assert answer.removed_headers == ["x-api-key"]


# Tenants


def test_the_tenant_of_the_host_must_be_the_keys(bench_of: BenchMaker) -> None:
    bench = bench_of({**API, "tenant": {"host": "{tenant}.example.com"}})
    key, _ = published(bench, tenant="Acme")
    assert bench.get(key, host="acme.example.com").code == 0
    assert bench.get(key, host="ACME.example.com:8443").code == 0
    for host in ("other.example.com", "example.com", "a.acme.example.com", "acme.example.org", ".example.com", ""):
        answer = bench.get(key, host=host)
        assert (answer.http_status, reason_of(answer.body)) == (401, "wrong_tenant"), host


def test_the_tenant_of_the_path_must_be_the_keys(bench_of: BenchMaker) -> None:
    bench = bench_of({**API, "tenant": {"path": "/v1/workspaces/{tenant}"}})
    key, _ = published(bench)
    for path in ("/v1/workspaces/acme", "/v1/workspaces/acme/", "/v1/workspaces/acme/tables?x=/v1/workspaces/other"):
        assert bench.get(key, path=path).code == 0
    for path in (
        "/v1/workspaces/other",
        "/v1/workspaces/ACME",
        "/v1/workspaces",
        "/v1/workspaces/",
        "/v2/workspaces/acme",
    ):
        assert reason_of(bench.get(key, path=path).body) == "wrong_tenant", path
    assert bench.get(key, path="/v1/workspaces/other/../acme").http_status == 400


def test_the_tenant_of_a_header_must_be_the_keys(bench_of: BenchMaker) -> None:
    bench = bench_of({**API, "tenant": {"header": "X-Workspace"}})
    key, _ = published(bench)
    assert bench.ask(check_request({"x-api-key": key, "x-workspace": "acme"})).code == 0
    for headers in ({}, {"x-workspace": "other"}, {"x-workspace": "acme,other"}, {"x-workspace": ""}):
        assert reason_of(bench.ask(check_request({"x-api-key": key, **headers})).body) == "wrong_tenant"
    lax = bench_of({**API, "tenant": {"header": "X-Workspace", "required": False}})
    assert lax.ask(check_request({"x-api-key": key})).code == 0
    assert reason_of(lax.ask(check_request({"x-api-key": key, "x-workspace": "other"})).body) == "wrong_tenant"


# Permissions

RIGHTS = [
    {"methods": ["GET", "HEAD"], "paths": ["/v1/{area}"], "scopes": ["{area}:read"]},
    {"methods": ["POST"], "paths": ["=/v1/reports"], "any_of": ["reports:write", "admin"]},
    {"paths": ["/v1/{area}"], "scopes": ["{area}:write", "write"]},
]


@pytest.mark.parametrize(
    ("method", "path", "scopes", "allowed"),
    [
        ("GET", "/v1/users", ("users:read",), True),
        ("HEAD", "/v1/users/7", ("users:read",), True),
        ("GET", "/v1/users", ("reports:read", "users:write"), False),
        ("POST", "/v1/reports", ("admin",), True),
        ("POST", "/v1/reports", ("reports:read",), False),
        ("POST", "/v1/reports/7", ("admin",), False),
        ("DELETE", "/v1/users/7", ("users:write", "write"), True),
        ("DELETE", "/v1/users/7", ("users:write",), False),
        ("GET", "/v1", ("users:read",), False),
        ("GET", "/v2/users", ("users:read", "admin"), False),
        ("GET", "/v1/", (":read",), False),
        ("GET", "/v1/users%20x", ("users:read",), False),
    ],
)
def test_rights_by_method_and_path(
    bench_of: BenchMaker, method: str, path: str, scopes: tuple[str, ...], allowed: bool
) -> None:
    bench = bench_of({**API, "permissions": RIGHTS})
    key, _ = published(bench, scopes=scopes)
    answer = bench.get(key, method=method, path=path)
    assert (answer.code == 0) == allowed
    if not allowed:
        assert (answer.http_status, reason_of(answer.body)) == (403, "missing_scope")


def test_bearers_are_told_what_was_wrong_as_rfc_6750_says(bench_of: BenchMaker) -> None:
    bench = bench_of({**API, "credentials": [BEARER], "scopes": ["x"]})
    key, _ = published(bench)
    forbidden = bench.ask(check_request({"authorization": f"Bearer {key}"}))
    assert forbidden.headers["www-authenticate"] == 'Bearer realm="demo", error="insufficient_scope"'
    assert bench.ask(check_request({})).headers["www-authenticate"] == 'Bearer realm="demo"'


# What the upstream learns


def test_the_upstream_learns_what_is_asked_for_and_clients_cannot_fill_the_rest(bench_of: BenchMaker) -> None:
    names = {"key_id": "x-caller", "tenant": "x-org", "name": "x-name", "scopes": "x-scopes", "plan": "x-plan"}
    bench = bench_of({**API, "upstream_headers": names})
    key, record = published(bench, name="Schlüssel 100%\r\n", scopes=("a", "b"))
    answer = bench.ask(check_request({"x-api-key": key, "x-plan": "gold"}))
    assert answer.set_headers == {
        "x-caller": record.key_id,
        "x-org": "acme",
        "x-name": "Schl%C3%BCssel 100%25%0D%0A",
        "x-scopes": "a b",
    }
    assert answer.removed_headers == ["x-api-key", "x-plan"]


# Error bodies


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


# Tokens beside keys; that tokens are verified right is in tests/bearer


class Issuer:
    """Knows tokens by heart: stands where a verifier or an introspector does, to see what is done with its word."""

    def __init__(self, known: dict[str, Claims | Refusal]) -> None:
        self.known = known
        self.asked: list[str] = []

    def verify(self, token: str, now: float) -> Claims | Refusal:
        return self.known.get(token, Refusal.UNKNOWN_ISSUER)

    def lookup(self, token: str, now: float) -> Claims | Refusal | None:
        return None

    def ask(self, token: str, deadline: float, done: Callable[[Claims | Refusal], None]) -> None:
        assert deadline > time.monotonic()
        self.asked.append(token)
        done(self.known.get(token, Refusal.INACTIVE))


CLAIMS = Claims("sso", "user|7", token_id="t1", tenant="acme", scopes=("read",), expires_at=4_000_000_000_000)
MARKS: tuple[tuple[Claim, str], ...] = (("sub", "user|7"), ("jti", "t1"))
TOKENS = {**API, "credentials": [{**BEARER, "accepts": ["key", "sso", "opaque"]}]}


@pytest.fixture
def sso(bench_of: BenchMaker) -> Bench:
    issuer = Issuer({"a.jwt.good": CLAIMS, "a.jwt.late": Refusal.EXPIRED, "a.jwt.dark": Refusal.KEYS_UNAVAILABLE})
    opaque = Issuer({"good": Claims("opaque", "app", tenant="{}")})
    limits = [{"name": name, "by": by, "rate": "100/min"} for name, by in (("caller", "key"), ("tenant", "tenant"))]
    return bench_of(
        {**TOKENS, "limits": limits},
        verifier=issuer,
        introspectors={"opaque": opaque},
        issuers={"sso": "https://sso", "opaque": "opaque"},
    )


def bearer(bench: Bench, token: str) -> Any:
    return bench.ask(check_request({"authorization": f"Bearer {token}"}))


def test_keys_and_tokens_are_told_apart_on_one_route(sso: Bench) -> None:
    key, record = published(sso)
    assert bearer(sso, key).set_headers["x-auth-key-id"] == record.key_id
    by_token = bearer(sso, "a.jwt.good")
    assert by_token.set_headers == {"x-auth-key-id": "user|7", "x-auth-tenant": "acme"}
    opaque = bearer(sso, "good")
    assert opaque.set_headers == {"x-auth-key-id": "app", "x-auth-tenant": "{}"}
    assert int(opaque.response_headers["x-ratelimit-remaining"]) == 99


@pytest.mark.parametrize(
    ("token", "status", "reason"),
    [
        ("a.jwt.late", 401, "expired_key"),
        ("a.jwt.dark", 503, "unavailable"),
        ("a.jwt.forged", 401, "invalid_key"),
        ("nonsense", 401, "invalid_key"),
    ],
)
def test_refused_tokens(sso: Bench, token: str, status: int, reason: str) -> None:
    answer = bearer(sso, token)
    assert (answer.http_status, reason_of(answer.body)) == (status, reason)


def test_a_place_takes_only_what_it_accepts(bench_of: BenchMaker) -> None:
    issuer = Issuer({"a.jwt.good": CLAIMS})
    only_other = bench_of(
        {**API, "credentials": [{**BEARER, "accepts": ["other"]}]}, verifier=issuer, issuers={"sso": "https://sso"}
    )
    key, _ = published(only_other)
    assert reason_of(bearer(only_other, "a.jwt.good").body) == "invalid_key"
    assert reason_of(bearer(only_other, key).body) == "malformed_key"  # no token looks like that


@pytest.mark.parametrize(("claim", "value"), [("jti", "t1"), ("sub", "user|7")])
def test_a_token_is_revoked_by_its_id_or_its_subject(sso: Bench, claim: Any, value: str) -> None:
    digest = PEPPER.digest(mark("https://sso", claim, value))
    sso.store.put([KeyRecord("tr_1", digest, PEPPER.id, Version(1, 1), Status.REVOKED, "")])
    assert reason_of(bearer(sso, "a.jwt.good").body) == "revoked_key"


def test_a_lifted_revocation_no_longer_counts(sso: Bench) -> None:
    digest = PEPPER.digest(mark("https://sso", "sub", "user|7"))
    sso.store.put([KeyRecord("tr_1", digest, PEPPER.id, Version(1, 2), Status.ACTIVE, "")])
    assert bearer(sso, "a.jwt.good").code == 0


@pytest.mark.parametrize("known_before", [False, True], ids=["cold", "warm"])
def test_a_lifted_revocation_of_the_subject_does_not_hide_that_of_the_token(sso: Bench, known_before: bool) -> None:
    subject, token = (PEPPER.digest(mark("https://sso", c, v)) for c, v in MARKS)
    sso.store.put([KeyRecord("tr_1", subject, PEPPER.id, Version(1, 2), Status.ACTIVE, "")])
    if known_before:
        assert bearer(sso, "a.jwt.good").code == 0
    sso.store.put([KeyRecord("tr_2", token, PEPPER.id, Version(1, 3), Status.REVOKED, "")])
    sso.cache.change(token, Version(1, 3))  # as the feed tells it
    for _ in range(2):
        assert reason_of(bearer(sso, "a.jwt.good").body) == "revoked_key"


def test_whether_a_token_was_revoked_is_known_from_memory_the_second_time(
    sso: Bench, redis_server: RedisServer
) -> None:
    assert bearer(sso, "a.jwt.good").code == 0
    before = state_reads(redis_server)
    assert before > 0
    assert bearer(sso, "a.jwt.good").code == 0
    assert state_reads(redis_server) == before


def state_reads(redis_server: RedisServer) -> int:
    """How often it was asked whether the publication is complete, as each lookup that finds nothing must."""
    total = 0
    for node in redis_server.nodes:
        with node.client() as client:
            found = client.info("commandstats")
        total += sum(found.get(name, {}).get("calls", 0) for name in ("cmdstat_hget", "cmdstat_hmget"))
    return total


def test_a_token_whose_revocation_cannot_be_looked_up_is_our_fault(sso: Bench, redis_server: RedisServer) -> None:
    with redis_server.client() as client:
        client.flushall()
    assert bearer(sso, "a.jwt.good").http_status == 503


def test_tokens_are_limited_by_subject_and_their_names_do_not_reach_redis(
    sso: Bench, redis_server: RedisServer
) -> None:
    with redis_server.client() as client:
        client.ping()  # buckets are gone as soon as they are full, half a second later
        bearer(sso, "a.jwt.good")
        names = b" ".join(client.scan_iter(match="test:bucket:*"))
    assert names.count(b"test:bucket:{acme}:demo:") == 2
    assert b"user" not in names
