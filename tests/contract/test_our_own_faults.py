"""A Redis that is away, slow or wrong is our fault and never the client's."""

import time
from dataclasses import replace
from queue import Queue

from extauth.check.pending import Pending
from extauth.keys.token import generate
from extauth.settings.redis import RedisSettings
from extauth.store.names import Names
from tests.support.check_messages import Answer, check_request
from tests.support.decider import API, Bench, BenchMaker, published
from tests.support.keys import issue
from tests.support.redis_server import RedisServer

LIMITED = {"name": "per-key", "by": "key", "rate": "1/h", "burst": 2}


def test_before_everything_is_published_an_unknown_key_is_our_fault(bench: Bench, redis_server: RedisServer) -> None:
    key, _ = published(bench)
    with redis_server.client() as client:
        client.flushall()
    answer = bench.get(key)
    assert (answer.code, answer.kind, answer.http_status) == (14, "error", 503)
    assert answer.reason == "unavailable"


def test_while_redis_is_away_known_keys_go_on_and_unknown_ones_are_our_fault(
    bench_of: BenchMaker, redis_server: RedisServer, redis_settings: RedisSettings
) -> None:
    bench = bench_of({**API, "limits": [LIMITED]})
    key, _ = published(bench)
    assert bench.get(key).code == 0
    absent = str(generate("test"))  # which may be made while nobody can tell of it here
    assert bench.get(absent).http_status == 401
    redis_server.kill()
    try:
        bench.time.offset = 10  # past max_staleness: memory is no longer enough by itself
        assert bench.get(key).code == 0
        assert bench.count("extauth_near_cache_lookups_total", result="stale") == 1
        local = {"api": "demo", "limit": "per-key", "source": "local"}
        assert bench.count("extauth_bucket_spends_total", outcome="allowed", **local) == 1
        assert bench.get(key).http_status == 429  # one of two had been spent before
        for unknown in (str(generate("test")), absent):
            answer = bench.get(unknown)
            assert (answer.code, answer.kind, answer.http_status) == (14, "error", 503)
        bench.time.offset = 100  # past max_stale
        assert bench.get(key).http_status == 503
    finally:
        redis_server.start()


def test_checks_that_wait_for_one_key_share_one_read(bench: Bench) -> None:
    key, _ = published(bench)
    answers: Queue[bytes] = Queue()
    outcomes = [bench.decider.decide(check_request({"x-api-key": key}), time.monotonic() + 5) for _ in range(50)]
    for outcome in outcomes:
        assert isinstance(outcome, Pending)
        outcome.then(answers.put)
    assert {Answer.parse(answers.get(timeout=10)).code for _ in outcomes} == {0}


def test_an_expired_wait_is_our_fault_and_counted_once(bench: Bench) -> None:
    key, _ = published(bench)
    outcome = bench.decider.decide(check_request({"x-api-key": key}), time.monotonic() + 5)
    assert isinstance(outcome, Pending)
    expired = outcome.expire()
    assert expired is not None
    assert Answer.parse(expired).http_status == 503
    delivered: Queue[bytes] = Queue()
    outcome.then(delivered.put)
    assert outcome.expire() is None
    assert bench.get(key).code == 0
    assert delivered.empty()
    assert bench.count("extauth_checks_total", api="demo", reason="unavailable") == 1
    assert bench.count("extauth_checks_total", api="demo", reason="ok") == 1


def test_a_malformed_record_in_redis_is_our_fault(bench: Bench, redis_server: RedisServer, names: Names) -> None:
    key, record = issue()
    with redis_server.client() as client:
        client.set(names.record(record.pepper_id, record.digest), b"1 1\n\xff\xff\xff")
    assert bench.get(key).http_status == 503


def test_a_status_unknown_to_this_version_is_not_taken_for_active(
    bench: Bench, redis_server: RedisServer, names: Names
) -> None:
    key, record = issue()
    message = record.to_message()
    message.status = 7  # type: ignore[assignment]
    with redis_server.client() as client:
        client.set(names.record(record.pepper_id, record.digest), b"1 1\n" + message.SerializeToString())
    assert bench.get(key).http_status == 503


def test_a_record_under_another_digest_is_not_this_key(bench: Bench, redis_server: RedisServer, names: Names) -> None:
    key, record = issue()
    other = replace(record, digest=b"\0" * 32)
    with redis_server.client() as client:
        client.set(names.record(record.pepper_id, record.digest), b"1 1\n" + other.to_bytes())
    assert bench.get(key).http_status == 503
