"""The limit of failures: how many, for how long, and that it forgets."""

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from extauth.registry.failures import BURST, INTERVAL, MAX_ADDRESSES, FailureLimit
from tests.registry.identities import bearer


class Clock:
    """Seconds, as a test sets them."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limit(clock: Clock) -> FailureLimit:
    return FailureLimit(clock)


def fail(limit: FailureLimit, times: int, address: str = "192.0.2.1") -> None:
    for _ in range(times):
        limit.note(address)


def test_so_many_failures_are_let_pass_and_one_more_is_not(limit: FailureLimit) -> None:
    fail(limit, BURST - 1)
    assert limit.wait_for("192.0.2.1") == 0
    fail(limit, 1)
    assert limit.wait_for("192.0.2.1") == INTERVAL
    assert limit.wait_for("192.0.2.2") == 0


def test_one_after_the_other_is_forgiven(limit: FailureLimit, clock: Clock) -> None:
    fail(limit, BURST + 3)
    clock.now += 4 * INTERVAL
    assert limit.wait_for("192.0.2.1") == 0
    fail(limit, 1)
    assert limit.wait_for("192.0.2.1") > 0
    clock.now += 100 * INTERVAL
    fail(limit, BURST - 1)
    assert limit.wait_for("192.0.2.1") == 0


def test_only_so_many_addresses_are_remembered(clock: Clock) -> None:
    limit = FailureLimit(clock, max_addresses=3)
    for number in range(4):
        fail(limit, BURST, f"192.0.2.{number}")
    assert [limit.wait_for(f"192.0.2.{number}") > 0 for number in range(4)] == [False, True, True, True]
    assert MAX_ADDRESSES >= 1000


def test_guessing_is_slowed_down_for_good_tokens_too(http: httpx2.Client) -> None:
    assert {http.get("/v1/keys", headers=bearer(f"guess-{number}")).status_code for number in range(BURST)} == {401}
    answer = http.get("/v1/keys")
    assert answer.status_code == 429
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) >= 1
    assert http.get("/healthz").status_code == 200
    page = http.get("/metrics").text
    counted = {
        sample.labels["reason"]: sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == "extauth_registry_refusals_total"
    }
    assert counted["invalid_token"] == BURST
    assert counted["too_many_failures"] >= 1


def test_a_request_without_a_token_is_no_guess(http: httpx2.Client) -> None:
    for _ in range(2 * BURST):
        assert http.get("/v1/keys", headers={"authorization": ""}).status_code == 401
    assert http.get("/v1/keys").status_code == 200
