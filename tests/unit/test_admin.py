"""The admin port's pages."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Gauge

from extauth.serving.admin import AdminServer
from extauth.serving.components import Component, Components
from extauth.serving.sockets import BindError

FAULTS: dict[str, str | None] = {}


@pytest.fixture
def url() -> Iterator[str]:
    FAULTS.clear()
    registry = CollectorRegistry()
    gauge = Gauge("extauth_ready", "Ready.", ["component"], registry=registry)
    components = [
        Component("listener", lambda: FAULTS.get("listener"), vital=True),
        Component("redis", lambda: FAULTS.get("redis"), vital=False),
    ]
    server = AdminServer("127.0.0.1:0", registry, Components(components, gauge))
    server.start()
    yield f"http://127.0.0.1:{server.port}"
    server.stop()


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_health_is_that_it_answers(url: str) -> None:
    assert get(f"{url}/healthz") == (200, "ok\n")


def test_readiness_is_by_component_and_only_vital_ones_count(url: str) -> None:
    status, body = get(f"{url}/readyz")
    assert (status, json.loads(body)) == (200, {"ready": True, "components": {"listener": "ok", "redis": "ok"}})
    FAULTS["redis"] = "Redis: timeout"
    status, body = get(f"{url}/readyz?verbose")
    assert (status, json.loads(body)["components"]["redis"]) == (200, "Redis: timeout")
    FAULTS["listener"] = "not listening yet"
    status, body = get(f"{url}/readyz")
    assert (status, json.loads(body)["ready"]) == (503, False)


def test_metrics_show_each_component(url: str) -> None:
    FAULTS["redis"] = "away"
    status, body = get(f"{url}/metrics")
    assert status == 200
    assert 'extauth_ready{component="listener"} 1.0' in body
    assert 'extauth_ready{component="redis"} 0.0' in body


def test_another_path_is_not_found_and_told_what_is(url: str) -> None:
    assert get(f"{url}/debug") == (404, "known here: /metrics, /healthz, /readyz\n")


def test_a_port_in_use_is_named(url: str) -> None:
    port = int(url.rpartition(":")[2])
    registry = CollectorRegistry()
    components = Components([], Gauge("x", "x", ["component"], registry=registry))
    with pytest.raises(BindError, match=rf"127\.0\.0\.1:{port} \(listen\.admin\)"):
        AdminServer(f"127.0.0.1:{port}", registry, components)
