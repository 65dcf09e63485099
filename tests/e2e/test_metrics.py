"""What the sidecar counted of what was sent."""

import re
import time

from extauth.keys.token import generate
from tests.e2e.http1 import send
from tests.e2e.running import Running
from tests.e2e.samples import scrape
from tests.e2e.scenario import PER_KEY, PER_KEY_BURST, PLAIN


def test_checks_are_counted_by_api_and_reason(stack: Running) -> None:
    key = stack.issue()
    before = stack.metrics()
    for _ in range(3):
        assert send(stack.url, PLAIN, [key.header]).status == 200
    assert send(stack.url, PLAIN).status == 401
    assert send(stack.url, PLAIN, [("x-api-key", str(generate("e2e")))]).status == 401
    after = stack.metrics()

    def grown(name: str, **labels: str) -> float:
        return after(name, **labels) - before(name, **labels)

    assert grown("extauth_checks_total", api="plain", reason="ok") == 3
    assert grown("extauth_checks_total", api="plain", reason="missing_key") == 1
    assert grown("extauth_checks_total", api="plain", reason="invalid_key") == 1
    assert grown("extauth_near_cache_lookups_total", result="miss") == 2
    assert grown("extauth_near_cache_lookups_total", result="hit") == 2
    assert grown("extauth_check_seconds_count", source="redis") == 2
    assert grown("extauth_check_seconds_count", source="memory") == 3
    assert after("extauth_near_cache_entries") >= 1


def test_buckets_are_counted_by_outcome(stack: Running) -> None:
    key = stack.issue()
    before = stack.metrics()
    statuses = [send(stack.url, PER_KEY, [key.header]).status for _ in range(10 * PER_KEY_BURST)]
    after = stack.metrics()
    for outcome, status in (("allowed", 200), ("limited", 429)):
        labels = {"api": "per-key", "limit": "per-key", "source": "redis", "outcome": outcome}
        grown = after("extauth_bucket_spends_total", **labels) - before("extauth_bucket_spends_total", **labels)
        assert grown == statuses.count(status)


def test_components_and_feed(stack: Running) -> None:
    samples = stack.metrics()
    ready = {component: samples("extauth_ready", component=component) for component in ("listener", "warm", "redis")}
    assert ready == {"listener": 1, "warm": 1, "redis": 1}
    assert samples("extauth_feed_age_seconds") < 5
    assert samples("extauth_transport", transport="lean") == 1
    assert {
        "extauth_feed_lag_seconds_count",
        "extauth_redis_seconds_count",
        "process_cpu_seconds_total",
    } <= samples.names


def test_no_errors_while_nothing_happens(stack: Running) -> None:
    before = stack.metrics().total("extauth_redis_errors_total")
    time.sleep(3)
    assert stack.metrics().total("extauth_redis_errors_total") == before


def test_a_client_makes_no_label(stack: Running) -> None:
    key = stack.issue(tenant="a-tenant-of-its-own")
    send(stack.url, "/a-path-of-its-own", [key.header, ("user-agent", "an-agent-of-its-own")])
    values = {value for _, labels in stack.metrics().values for _, value in labels}
    assert not [value for value in values if re.search(r"of-its-own|" + key.id, value)]


def test_the_registry_counts_too(stack: Running) -> None:
    samples = scrape(f"{stack.layout.registry_url}/metrics")
    assert samples("extauth_publisher_revisions_behind") == 0
    assert samples("extauth_publisher_revision") >= 1
