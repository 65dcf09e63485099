"""Lines about checks: those that were asked for, without a secret, and never too many."""

import pytest

from extauth.keys.token import generate
from tests.support.check_messages import check_request
from tests.support.decider import API, Bench, BenchMaker, published


def test_nothing_is_told_unless_asked(bench: Bench) -> None:
    key, _ = published(bench)
    assert (bench.get(key).code, bench.get("nothing like a key").http_status) == (0, 401)
    assert bench.log == []


def test_what_is_told_of_a_check(bench_of: BenchMaker) -> None:
    bench = bench_of({**API, "match": {"hosts": ["api.example.com"]}}, check_log={"allowed": 1, "refused": 1})
    key, record = published(bench, tenant="acme")
    unknown = str(generate("test"))
    headers = {"x-api-key": key, "x-request-id": "r-1"}
    for message in (
        check_request(headers, path="/orders?secret=in-the-query", method="POST"),
        check_request({"x-api-key": unknown}, path="/" + "long" * 100),
        check_request({"x-api-key": key}, host="elsewhere.example.com"),
        b"\xff",
    ):
        bench.ask(message)
    lines = [{**line} for line in bench.log]
    assert all(isinstance(line.pop("microseconds"), int) for line in lines)
    host = {"host": "api.example.com"}
    passed = {"reason": "ok", "api": "demo", "key_id": record.key_id, "tenant": "acme", "request_id": "r-1"}
    assert lines[0] == {**passed, **host, "method": "POST", "path": "/orders"}
    assert lines[1].keys() == {"reason", "api", "key_id", "method", "host", "path"}
    assert (lines[1]["reason"], len(str(lines[1]["path"]))) == ("invalid_key", 257)
    assert lines[2] == {"reason": "no_policy", "method": "GET", "host": "elsewhere.example.com", "path": "/"}
    assert lines[3] == {"reason": "bad_request"}
    told = str(bench.log)
    assert key not in told
    assert unknown not in told
    assert "in-the-query" not in told


@pytest.mark.parametrize(("shares", "reasons"), [({"allowed": 1}, {"ok"}), ({"refused": 1}, {"missing_key"})])
def test_passed_and_refused_are_asked_for_apart(
    bench_of: BenchMaker, shares: dict[str, float], reasons: set[str]
) -> None:
    bench = bench_of(check_log=shares)
    key, _ = published(bench)
    for headers in ({"x-api-key": key}, {}):
        bench.ask(check_request(headers))
    assert {line["reason"] for line in bench.log} == reasons


def test_a_share_of_them(bench_of: BenchMaker) -> None:
    bench = bench_of(check_log={"refused": 0.5, "per_second": 10_000})
    for _ in range(400):
        bench.ask(check_request({}))
    assert 120 < len(bench.log) < 280  # 12 times the deviation, 10


def test_no_more_than_so_many_in_a_second_and_the_rest_is_counted(bench_of: BenchMaker) -> None:
    bench = bench_of(check_log={"refused": 1, "per_second": 5})
    bench.time.stop()
    for _ in range(12):
        bench.ask(check_request({}))
    assert len(bench.log) == 5
    bench.time.offset += 1
    bench.time.go_on()
    bench.ask(check_request({}))
    assert [line.get("left_out") for line in bench.log] == [None] * 5 + [7]
