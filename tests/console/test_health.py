"""The page of health: what of the publisher, the sidecars and the keys it tells, and to whom."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from prometheus_client import CollectorRegistry

from extauth.registry.console.publishing import publishing_now
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.server import RegistryServer
from extauth.telemetry.publisher_metrics import PublisherMetrics
from extauth.telemetry.usage_metrics import CollectorMetrics
from tests.console.visitor import Visitor
from tests.registry.identities import make_token
from tests.support.usage import batch, row


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
