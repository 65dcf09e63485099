"""The page of health: what of the publisher, the sidecars and the keys it tells, and to whom."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from prometheus_client import CollectorRegistry

from extauth.publish.publisher import Publisher
from extauth.registry.console.publishing import publishing_now
from extauth.registry.errors import UnavailableError
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.server import RegistryServer
from extauth.settings.redis import RedisSettings
from extauth.store.client import connect
from extauth.store.names import Names
from extauth.store.publishing import PublishingStores
from extauth.telemetry.publisher_metrics import PublisherMetrics
from extauth.telemetry.usage_metrics import CollectorMetrics
from tests.console.visitor import Visitor
from tests.registry.conftest import TOKEN, settings_in
from tests.registry.identities import make_token
from tests.support.redis_server import RedisServer
from tests.support.usage import batch, row
from tests.support.wait import wait_until


def test_keys_that_need_attention_are_counted_and_listed(owner: Visitor, api: httpx2.Client) -> None:
    soon = {"name": "Ends soon", "tenant": "health", "expires_at": _in_days(3)}
    api.post("/v1/keys", json=soon)
    api.post("/v1/keys", json={**soon, "name": "Ends late", "expires_at": _in_days(300)})
    page = owner.get("/console/health").text
    assert 'class="tile warn" href="/console/health/expiring"' in page
    assert 'class="tile" href="/console/health/unused"' in page
    listed = owner.get("/console/health/expiring").text
    assert "Ends soon" in listed
    assert "Ends late" not in listed
    assert "There is nothing to do here" in owner.get("/console/health/unused").text
    assert owner.get("/console/health/strange").status_code == 404
    assert owner.get("/console/health/expiring?cursor=strange").status_code == 422


def test_people_of_a_tenant_are_told_of_its_keys_only(visitor: Callable[[str], Visitor], api: httpx2.Client) -> None:
    api.post("/v1/keys", json={"name": "Theirs", "tenant": "not-ours", "expires_at": _in_days(3)})
    api.post("/v1/tenants", json={"id": "healthy"})
    who = visitor(make_token(api, "viewer", "healthy"))
    page = who.get("/console/health").text
    assert 'class="tile" href="/console/health/expiring"' in page
    assert "From here to Redis" not in page
    assert "Sidecars" not in page
    assert "Theirs" not in who.get("/console/health/expiring").text


def test_sidecars_that_sent_usage_are_there(owner: Visitor, console_server: RegistryServer) -> None:
    console_server.ledger.add([batch(17, row(), instance="0123456789abcdef")])
    page = owner.get("/console/health").text
    assert "<code>0123456789abcdef</code>" in page
    assert 'data-title="Batches of usage">17<' in page


def test_a_publisher_is_told_of_and_why_it_stopped(tmp_path: Path) -> None:
    """With the real publisher and Redis, as `extauth registry serve` has them."""
    redis = RedisServer("redis-8.2", tmp_path)
    redis.start()
    server = RegistryServer(settings_in(tmp_path), CollectorRegistry())
    publisher = publisher_of(server, redis)
    server.components["publisher"] = publisher.fault
    server.start()
    publisher.start()
    try:
        with httpx2.Client(base_url=f"http://{server.http_address}", timeout=30) as client:
            visitor = Visitor(client)
            visitor.sign_in(TOKEN)
            wait_until(lambda: "It has the lease." in visitor.get("/console/health").text, 60)
            assert "every change is in Redis" in visitor.get("/console/health").text
            redis.kill()
            wait_until(lambda: "This replica does not publish." in visitor.get("/console/health").text, 60)
            visitor.post("/console/new-tenant", id="meanwhile")
            visitor.post("/console/keys/new", name="meanwhile", tenant="meanwhile")
            wait_until(lambda: "1 change is not in Redis yet" in visitor.get("/console/health").text, 60)
    finally:
        publisher.stop(20)
        server.stop()
        redis.kill()


def publisher_of(server: RegistryServer, redis: RedisServer) -> Publisher:
    client = connect(RedisSettings(url=redis.url), timeout=5)
    return Publisher(
        server.history,
        PublishingStores.on(client, Names("console"), "the test", 2),
        PublisherMetrics(server._metrics.registry),
        source_error=UnavailableError,
        poll_interval=0.05,
        reconcile_interval=60,
        reconcile_rate=2000,
    )


def test_a_process_without_a_publisher_says_so(owner: Visitor) -> None:
    assert "This process publishes nothing" in owner.get("/console/health").text


@pytest.mark.parametrize("fault", [None, "connection: refused"])
def test_the_publisher_is_told_of_as_metrics_tell_of_it(fault: str | None) -> None:
    registry = CollectorRegistry()
    RegistryMetrics(registry).propagating.set(2)
    publisher, collector = PublisherMetrics(registry), CollectorMetrics(registry)
    publisher.leading.set(1)
    publisher.lag.set(3.5)
    publisher.behind.set(12)
    publisher.last_reconcile.set(1_800_000_000)
    collector.waiting.set(4)
    collector.lag.set(61)
    told = publishing_now(registry, {"publisher": lambda: fault})
    assert told == (fault, True, 3.5, 12, 1_800_000_000_000, 2, 4, 61)
    assert told.is_there


def _in_days(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()
