"""What an API's `outage` says, with a Redis that has been killed."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from extauth.bearer.claims import Claims, Refusal
from extauth.check.pending import Pending
from extauth.keys.record import Status
from extauth.keys.token import generate
from extauth.settings.redis import RedisSettings
from extauth.store.names import Names
from extauth.store.near_cache import NearCache
from extauth.store.queue import MAX_WAITING
from extauth.store.queues import queue_for
from extauth.telemetry.sidecar_metrics import SidecarMetrics
from tests.support.check_messages import Answer, check_request
from tests.support.decider import API, BenchMaker, published
from tests.support.keys import issue
from tests.support.publishing import HandPublisher
from tests.support.redis_server import RedisServer
from tests.support.wait import wait_until

KEPT = 60  # seconds: cache.max_stale of these tests
OPEN: dict[str, Any] = {**API, "outage": {"unknown_keys": "let_anyone_in"}}
LIMITED = {**API, "limits": [{"name": "per-key", "by": "key", "rate": "1/h", "burst": 2}]}
Kill = Callable[[], None]


@pytest.fixture
def kill(redis_server: RedisServer) -> Iterator[Kill]:
    """Ends Redis, which is back after the test."""
    yield redis_server.kill
    redis_server.kill()
    redis_server.start()


def test_each_api_has_its_own_time_for_keys_in_memory(bench_of: BenchMaker, kill: Kill) -> None:
    apis = [
        {**API, "name": name, "match": {"paths": [f"/{name}"]}, "outage": outage}
        for name, outage in (("none", {"max_stale": "0s"}), ("short", {"max_stale": "20s"}), ("long", {}))
    ]
    bench = bench_of(*apis)
    key, _ = published(bench)
    assert bench.get(key, path="/long").code == 0
    kill()
    for seconds, working in ((4, ("none", "short", "long")), (15, ("short", "long")), (30, ("long",)), (KEPT + 1, ())):
        bench.time.offset = seconds
        found = [name for name in ("none", "short", "long") if bench.get(key, path=f"/{name}").code == 0]
        assert found == list(working), f"after {seconds} s"
    assert bench.count("extauth_checks_total", api="none", reason="unavailable") == 3


def test_an_api_chooses_status_headers_and_body_of_an_outage(bench_of: BenchMaker, kill: Kill) -> None:
    template = {"status": 500, "headers": {"retry-after": "5"}, "body": {"code": "{reason}"}}
    bench = bench_of(
        {**API, "name": "own", "match": {"paths": ["/own"]}, "errors": {"unavailable": template}},
        {**API, "name": "other"},
    )
    kill()
    answer = bench.get(str(generate("test")), path="/own")
    assert (answer.kind, answer.http_status, json.loads(answer.body)) == ("error", 500, {"code": "unavailable"})
    assert answer.headers["retry-after"] == "5"
    assert bench.get(str(generate("test"))).http_status == 503


def test_unknown_keys_are_let_in_as_nobody(bench_of: BenchMaker, kill: Kill) -> None:
    names = {"key_id": "x-caller", "tenant": "x-org", "scopes": "x-scopes"}
    bench = bench_of({**OPEN, "upstream_headers": names, "limits": LIMITED["limits"]})
    kill()
    for _ in range(5):  # more than the limit
        answer = bench.get(str(generate("test")))
        assert (answer.code, answer.kind, answer.set_headers, answer.response_headers) == (0, "ok", {}, {})
        assert answer.removed_headers == ["x-api-key", "x-caller", "x-org", "x-scopes"]
    assert bench.usage == []
    assert bench.count("extauth_checks_total", api="demo", reason="allowed_unidentified") == 5
    assert bench.count("extauth_checks_total", api="demo", reason="ok") == 0


@pytest.mark.parametrize(
    ("limits", "statuses"), [("local", [200, 200, 429]), ("error", [503] * 3), ("allow", [200] * 3)]
)
def test_limits_that_need_no_caller_hold_nobody(
    bench_of: BenchMaker, kill: Kill, limits: str, statuses: list[int]
) -> None:
    of_callers = [{"name": by, "by": by, "rate": "1/h"} for by in ("key", "tenant", "plan")]
    of_all = {"name": "all", "by": ["api", {"header": "x-team"}], "rate": "1/h", "burst": 2}
    bench = bench_of({**OPEN, "limits": [*of_callers, of_all], "outage": {**OPEN["outage"], "limits": limits}})
    kill()
    answers = [bench.get(str(generate("test"))) for _ in statuses]
    assert [answer.http_status for answer in answers] == statuses
    assert bench.count("extauth_checks_total", api="demo", reason="allowed_unidentified") == statuses.count(200)
    assert bench.usage == []


def test_whoever_is_let_in_shows_the_upstream_no_key(bench_of: BenchMaker, kill: Kill) -> None:
    bench = bench_of({**OPEN, "credentials": [{"query": "key"}, {"cookie": "key"}]})
    kill()
    key = str(generate("test"))
    assert bench.ask(check_request({}, path=f"/?key={key}")).removed_parameters == ["key"]
    assert bench.ask(check_request({"cookie": f"a=1; key={key}"})).set_headers == {"cookie": "a=1"}


def test_that_anyone_is_let_in_is_logged_now_and_then(bench_of: BenchMaker, kill: Kill) -> None:
    bench = bench_of(OPEN)
    kill()
    with capture_logs() as lines:
        for _ in range(3):
            assert bench.get(str(generate("test"))).code == 0
        bench.time.offset = 11
        assert bench.get(str(generate("test"))).code == 0
    told = [line for line in lines if line["event"] == "letting_anyone_in"]
    assert [(line["log_level"], line["api"]) for line in told] == [("warning", "demo")] * 2


def test_while_redis_answers_nobody_is_let_in_unknown(bench_of: BenchMaker) -> None:
    bench = bench_of(OPEN)
    assert bench.get(str(generate("test"))).reason == "invalid_key"
    key, _ = published(bench)
    assert bench.get(key).set_headers["x-auth-tenant"] == "acme"


@pytest.mark.parametrize("sent", ["junk", "test_" + "a" * 12 + "_" + "b" * 38, ""], ids=["junk", "checksum", "none"])
def test_what_cannot_be_a_key_is_refused_as_always(bench_of: BenchMaker, kill: Kill, sent: str) -> None:
    bench = bench_of(OPEN)
    kill()
    assert bench.get(str(generate("test"))).code == 0
    assert bench.get(sent).http_status == 401


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": Status.REVOKED}, "revoked_key"),
        ({"status": Status.DISABLED}, "disabled_key"),
        ({"expires_at": 1_000_000_000_000}, "expired_key"),
    ],
)
def test_a_key_that_memory_has_refused_is_never_let_in(
    bench_of: BenchMaker, kill: Kill, changes: Mapping[str, Any], reason: str
) -> None:
    bench = bench_of(OPEN)
    key, _ = published(bench, **changes)
    assert bench.get(key).reason == reason
    kill()
    for seconds, expected in ((10, reason), (KEPT + 10, "unavailable")):
        bench.time.offset = seconds
        assert bench.get(key).reason == expected
    assert bench.count("extauth_checks_total", api="demo", reason="allowed_unidentified") == 0


def test_a_key_that_memory_has_for_too_long_is_nobodys(bench_of: BenchMaker, kill: Kill) -> None:
    bench = bench_of({**OPEN, "outage": {"unknown_keys": "let_anyone_in", "max_stale": "20s"}})
    key, record = published(bench)
    absent = str(generate("test"))
    assert bench.get(key).code == 0
    assert bench.get(absent).http_status == 401
    kill()
    bench.time.offset = 10
    assert bench.get(key).set_headers["x-auth-key-id"] == record.key_id
    assert bench.get(absent).set_headers == {}  # it may have been made since
    bench.time.offset = 30
    answer = bench.get(key)
    assert (answer.code, answer.set_headers) == (0, {})


def test_nobody_may_do_what_needs_a_scope(bench_of: BenchMaker, kill: Kill) -> None:
    bench = bench_of({**OPEN, "permissions": [{"methods": ["GET"]}, {"scopes": ["write"]}]})
    kill()
    key = str(generate("test"))
    assert bench.get(key).code == 0
    answer = bench.get(key, method="POST")
    assert (answer.kind, answer.http_status, answer.reason) == ("error", 503, "unavailable")


class _Verifier:
    def verify(self, token: str, now: float) -> Claims | Refusal:
        good = Claims("sso", "user|7", token_id="t1", tenant="acme", expires_at=4_000_000_000_000)
        return good if token == "a.jwt.good" else Refusal.EXPIRED


def test_a_token_whose_revocation_cannot_be_looked_up_is_nobodys(bench_of: BenchMaker, kill: Kill) -> None:
    place = {"header": "authorization", "scheme": "Bearer", "accepts": ["sso"]}
    bench = bench_of({**OPEN, "credentials": [place]}, verifier=_Verifier(), issuers={"sso": "https://sso"})
    kill()
    answer = bench.ask(check_request({"authorization": "Bearer a.jwt.good"}))
    assert (answer.code, answer.set_headers, bench.usage) == (0, {}, [])
    assert bench.ask(check_request({"authorization": "Bearer a.jwt.late"})).http_status == 401


def test_a_check_that_takes_too_long_is_not_let_in(bench_of: BenchMaker) -> None:
    """Who makes a sidecar slow must gain nothing by it."""
    bench = bench_of(OPEN)
    pending = bench.decider.decide(check_request({"x-api-key": issue()[0]}), time.monotonic() + 5)
    assert isinstance(pending, Pending)
    expired = pending.expire()
    assert expired is not None
    assert Answer.parse(expired).http_status == 503


@pytest.mark.one_redis
def test_too_many_checks_at_once_let_nobody_in(
    redis_settings: RedisSettings, metrics: SidecarMetrics, cache: NearCache, names: Names, store: HandPublisher
) -> None:
    queue = queue_for(redis_settings, metrics)  # not started: what is asked of it waits
    bench = BenchMaker(queue, cache, names, store)(OPEN)
    waiting: Any = None
    for _ in range(MAX_WAITING):
        queue.submit(waiting)
    answer = bench.get(str(generate("test")))
    assert (answer.http_status, answer.reason) == (503, "unavailable")


@pytest.mark.parametrize(
    ("limits", "statuses", "counted"),
    [  # one of two tokens has been spent before
        ("local", [200, 429, 429], {"local": 1.0, "none": 0.0}),
        ("error", [503, 503, 503], {"local": 0.0, "none": 0.0}),
        ("allow", [200, 200, 200], {"local": 0.0, "none": 3.0}),
    ],
)
def test_limits_while_redis_is_away(
    bench_of: BenchMaker, kill: Kill, limits: str, statuses: list[int], counted: Mapping[str, float]
) -> None:
    bench = bench_of({**LIMITED, "outage": {"limits": limits}})
    key, record = published(bench)
    assert bench.get(key).code == 0
    kill()
    answers = [bench.get(key) for _ in statuses]
    assert [answer.http_status for answer in answers] == statuses
    if limits == "allow":
        assert {answer.set_headers["x-auth-key-id"] for answer in answers} == {record.key_id}
    spends = {"api": "demo", "limit": "per-key", "outcome": "allowed"}
    assert {
        source: bench.count("extauth_bucket_spends_total", source=source, **spends) for source in counted
    } == counted


def test_what_was_refused_for_want_of_redis_costs_no_tokens(bench_of: BenchMaker, redis_server: RedisServer) -> None:
    bench = bench_of({**LIMITED, "outage": {"limits": "error"}})
    key, record = published(bench)
    assert bench.get(key).code == 0
    redis_server.kill()
    assert [bench.get(key).http_status for _ in range(5)] == [503] * 5
    redis_server.start()
    bench.store.begin()
    bench.store.put([record])
    bench.store.complete()
    wait_until(lambda: bench.get(key).code == 0)
    assert [bench.get(key).http_status for _ in range(2)] == [200, 429]
