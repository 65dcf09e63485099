"""`extauth demo --with-metrics`: a real Prometheus scrapes it, and every panel of the dashboards shows something."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from extauth.demo.ports import COUNT
from tests.e2e.eventually import eventually
from tests.e2e.running import free_base
from tests.e2e.test_demo_command import Demo
from tests.observability.dashboards import filled, panels
from tests.observability.prometheus_client import Prometheus
from tests.observability.rules import rules

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

_PATIENCE = 150.0  # seconds; the registry tells of its busiest keys once a minute
_TRAFFIC = (
    'curl -s -o /dev/null -H "$KEY_HEADER: $KEY" "$ENVOY_URL/orders?page=[1-60]"',
    'curl -s -o /dev/null -H "$KEY_HEADER: $UNKNOWN_KEY" "$ENVOY_URL/orders"',
    'curl -s -o /dev/null "$ENVOY_URL/orders"',
)
_NO_ISSUER = "no bearer tokens in this demo"
_MAY_FAIL = "nothing fails, unless the machine is busy"
RIGHTLY_EMPTY = {
    "operators: Memory and Redis: Errors of Redis": _MAY_FAIL,
    "operators: Revocation: Rounds of publishing that failed": _MAY_FAIL,
    "operators: Load: Workers started again": "one process",
    "operators: Bearer tokens: Tokens judged": _NO_ISSUER,
    "operators: Bearer tokens: Age of the issuers' keys": _NO_ISSUER,
    "operators: Bearer tokens: Questions to authorization servers": _NO_ISSUER,
    "operators: Bearer tokens: Failures": _NO_ISSUER,
    "usage: Keys: Keys found in the open": "nobody reports any",
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    directory = tmp_path_factory.mktemp("demo")
    demo = Demo(directory / "demo", free_base(COUNT), directory, "--with-metrics")
    try:
        demo.wait_until_ready()
        yield demo
        assert demo.end(signal.SIGINT) == 0
        assert demo.processes() == {}
    finally:
        demo.clean_up()


@pytest.fixture(scope="module")
def prometheus(demo: Demo) -> Prometheus:
    return Prometheus(f"http://127.0.0.1:{demo.base + 7}")


def test_it_scrapes_everything_by_our_rules(demo: Demo, prometheus: Prometheus) -> None:
    assert f"Prometheus is at {prometheus.url}, its alerts at {prometheus.url}/alerts" in demo.output
    eventually(lambda: len(prometheus.query("up == 1")) == 2, 30)
    groups = prometheus.get("rules")["groups"]
    assert sum(len(group["rules"]) for group in groups) == len(list(rules()))


def test_every_panel_shows_something(demo: Demo, prometheus: Prometheus) -> None:
    asked = [panel for panel in panels() if panel.name not in RIGHTLY_EMPTY]
    demo.shell('extauth keys revoke "$READONLY_KEY_ID" --reason "of a test"')

    def silent() -> list[str]:
        demo.shell("\n".join(_TRAFFIC))
        return [
            f"{panel.name}: {legend}"
            for panel in asked
            for legend, query in panel.queries.items()
            if not prometheus.query(filled(query))
        ]

    found = silent()

    def nothing_is_silent() -> bool:
        found[:] = silent()
        return not found

    try:
        eventually(nothing_is_silent, _PATIENCE)
    except AssertionError:
        raise AssertionError(found) from None
    for panel in panels():
        if RIGHTLY_EMPTY.get(panel.name, _MAY_FAIL) != _MAY_FAIL:
            assert not any(prometheus.query(filled(query)) for query in panel.queries.values()), panel.name
    assert {panel.name for panel in panels()} >= set(RIGHTLY_EMPTY)


def test_no_alert_fires_while_all_is_well(prometheus: Prometheus) -> None:
    firing = prometheus.query('ALERTS{alertstate="firing", severity!="info"}')
    assert [alert["metric"]["alertname"] for alert in firing] == []


def test_without_prometheus_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [folder for folder in os.environ["PATH"].split(os.pathsep) if not shutil.which("prometheus", path=folder)]
    monkeypatch.setenv("PATH", os.pathsep.join(folders))
    demo = Demo(tmp_path / "demo", free_base(COUNT), tmp_path, "--with-metrics")
    assert demo.process.wait(60) == 1
    assert "there is no prometheus: install it (Debian: apt install prometheus)" in demo.output
    demo.clean_up()
