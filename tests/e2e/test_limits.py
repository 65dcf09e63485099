"""Token buckets, as a client sees them. Paths and numbers are those of the scenario."""

import http.client
import threading
import time
from urllib.parse import urlsplit

from extauth.store.buckets import SOURCES
from extauth.store.lease import HOLD
from tests.e2e.answer import Answer, Send
from tests.e2e.running import Running
from tests.e2e.scenario import (
    LEASED,
    LEASED_BURST,
    LEASED_RATE,
    PER_KEY,
    PER_KEY_BURST,
    PER_KEY_RATE,
    PER_TENANT,
    PER_TENANT_BURST,
)

_SOME = 10 * PER_KEY_BURST  # requests: more than any bucket here takes in the time that they need


def number(answer: Answer, header: str) -> int:
    return int(str(answer.header(header)))


def assert_limited(answer: Answer, limit: int, age: float = 0) -> None:
    """The whole answer of an empty bucket, so many seconds ago."""
    assert (answer.status, answer.json) == (429, {"error": "rate_limited", "message": "Too many requests."})
    assert answer.header("content-type") == "application/json"
    assert (number(answer, "x-ratelimit-limit"), number(answer, "x-ratelimit-remaining")) == (limit, 0)
    assert number(answer, "retry-after") >= 1
    assert number(answer, "x-ratelimit-reset") >= int(time.time() - age)


def test_a_bucket_empties_and_fills(stack: Running, send: Send) -> None:
    headers = [stack.issue().header]
    started = time.monotonic()
    answers = [send(stack.url, PER_KEY, headers) for _ in range(_SOME)]
    seconds = time.monotonic() - started

    assert [answer.status for answer in answers[:PER_KEY_BURST]] == [200] * PER_KEY_BURST
    first = answers[0]
    assert (number(first, "x-ratelimit-limit"), number(first, "x-ratelimit-remaining")) == (
        PER_KEY_BURST,
        PER_KEY_BURST - 1,
    )
    assert first.header("retry-after") is None
    passed = sum(answer.status == 200 for answer in answers)
    assert passed <= PER_KEY_BURST + PER_KEY_RATE * seconds
    refused = [answer for answer in answers if answer.status != 200]
    for answer in refused:
        assert_limited(answer, PER_KEY_BURST)

    time.sleep(number(refused[-1], "retry-after"))
    assert send(stack.url, PER_KEY, headers).status == 200


def test_keys_have_buckets_of_their_own(stack: Running, send: Send) -> None:
    empty = stack.issue()
    full = stack.issue(empty.tenant)
    while send(stack.url, PER_KEY, [empty.header]).status == 200:
        pass
    assert send(stack.url, PER_KEY, [full.header]).status == 200


def test_keys_of_a_tenant_share_a_bucket(stack: Running, send: Send) -> None:
    first = stack.issue()
    second = stack.issue(first.tenant)
    stranger = stack.issue()
    spent = [send(stack.url, PER_TENANT, [first.header]).status for _ in range(PER_TENANT_BURST)]
    assert spent == [200] * PER_TENANT_BURST
    assert_limited(send(stack.url, PER_TENANT, [second.header]), PER_TENANT_BURST)
    assert send(stack.url, PER_TENANT, [stranger.header]).status == 200


def test_a_refused_request_takes_no_token(stack: Running, send: Send) -> None:
    key = stack.issue()
    for _ in range(_SOME):
        assert send(stack.url, PER_KEY, [("x-api-key", key.secret[:-1] + "!")]).status == 401
    answer = send(stack.url, PER_KEY, [key.header])
    assert number(answer, "x-ratelimit-remaining") == PER_KEY_BURST - 1


def flood(url: str, path: str, header: tuple[str, str], seconds: float, connections: int = 8) -> list[Answer]:
    """All answers to as many requests as go over some connections in this time."""
    parts = urlsplit(url)
    found: list[Answer] = []
    until = time.monotonic() + seconds

    def run() -> None:
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
        while time.monotonic() < until:
            connection.request("GET", path, headers=dict([header]))
            response = connection.getresponse()
            headers = [(name.lower(), value) for name, value in response.getheaders()]
            found.append(Answer(response.status, headers, response.read()))
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_a_leased_limit_limits(stack: Running) -> None:
    key = stack.issue()
    before = stack.metrics()
    started = time.monotonic()
    answers = flood(stack.url, LEASED, key.header, seconds=4)
    seconds = time.monotonic() - started
    after = stack.metrics()

    def grown(name: str, **labels: str) -> float:
        return after(name, **labels) - before(name, **labels)

    spends = {"api": "leased", "limit": "per-key"}
    allowed = {
        source: grown("extauth_bucket_spends_total", source=source, outcome="allowed", **spends) for source in SOURCES
    }
    passed = [answer for answer in answers if answer.status == 200]
    assert len(passed) == sum(allowed.values())
    due = LEASED_BURST + LEASED_RATE * seconds
    # On a machine so slow that Redis does not answer in time, local buckets stand in for it.
    assert len(passed) - allowed["local"] <= due + LEASED_RATE * HOLD
    assert len(passed) >= min(len(answers), 0.8 * due)
    for answer in passed:
        assert number(answer, "x-ratelimit-limit") == LEASED_BURST
        assert 0 <= number(answer, "x-ratelimit-remaining") < LEASED_BURST
        assert number(answer, "x-ratelimit-reset") >= int(time.time() - seconds) - 1
        assert answer.header("retry-after") is None
    for answer in answers:
        if answer.status != 200:
            assert_limited(answer, LEASED_BURST, seconds + 1)
    assert grown("extauth_bucket_spends_total", source="lease", outcome="limited", **spends) > 0
    assert grown("extauth_lease_tokens_total", event="taken") > 0
    assert after("extauth_replicas") >= 1
