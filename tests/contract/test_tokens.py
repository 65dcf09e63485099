"""Tokens beside keys, on real Redis; that tokens are verified right is in tests/bearer."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from extauth.bearer.claims import Claims, Refusal
from extauth.keys.mark import Claim, mark
from extauth.keys.record import KeyRecord, Status, Version
from tests.support.check_messages import check_request
from tests.support.decider import API, Bench, BenchMaker, published
from tests.support.keys import PEPPER
from tests.support.redis_server import RedisServer


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
BEARER = {"header": "Authorization", "scheme": "Bearer"}
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
    assert (answer.http_status, answer.reason) == (status, reason)


def test_a_place_takes_only_what_it_accepts(bench_of: BenchMaker) -> None:
    issuer = Issuer({"a.jwt.good": CLAIMS})
    only_other = bench_of(
        {**API, "credentials": [{**BEARER, "accepts": ["other"]}]},
        verifier=issuer,
        issuers={"sso": "https://sso"},
    )
    key, _ = published(only_other)
    assert bearer(only_other, "a.jwt.good").reason == "invalid_key"
    assert bearer(only_other, key).reason == "malformed_key"  # no token looks like that


@pytest.mark.parametrize(("claim", "value"), [("jti", "t1"), ("sub", "user|7")])
def test_a_token_is_revoked_by_its_id_or_its_subject(sso: Bench, claim: Any, value: str) -> None:
    digest = PEPPER.digest(mark("https://sso", claim, value))
    sso.store.put([KeyRecord("tr_1", digest, PEPPER.id, Version(1, 1), Status.REVOKED, "")])
    assert bearer(sso, "a.jwt.good").reason == "revoked_key"


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
        assert bearer(sso, "a.jwt.good").reason == "revoked_key"


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
