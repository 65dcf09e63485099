"""A Prometheus that scrapes the demo, with the recording rules and alerts that belong to extauth."""

from collections.abc import Callable
from http import HTTPStatus
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from extauth.demo import binaries, probes
from extauth.demo.child import Service
from extauth.demo.errors import DemoError
from extauth.demo.layout import Layout
from extauth.demo.ports import HOST
from extauth.demo.settings_files import write_yaml
from extauth.demo.supervisor import Supervisor

RULES = ("recording.yaml", "alerts.yaml")
_IN_SOURCE = Path(__file__).parents[2] / "deploy" / "prometheus"
_INTERVAL = "2s"  # who looks at a demo does not wait
_GRAPHS = (
    ("checks by API and reason", "sum by (api, reason) (rate(extauth_checks_total[1m])) > 0"),
    ("how long a check takes, p99", "job_source:extauth_check_seconds:p99_rate5m"),
    ("how fast revocations arrive, p99", "job:extauth_feed_lag_seconds:p99_rate5m"),
)


def refuse_missing() -> None:
    """Raise DemoError when Prometheus or the rules are not installed."""
    binaries.prometheus()
    for name in RULES:
        _rules(name)


def start_prometheus(layout: Layout, supervisor: Supervisor, report: Callable[[Service], None]) -> str:
    """Start it and wait until it is ready; what to tell the reader. Raises DemoError."""
    layout.prometheus.mkdir()
    for name in RULES:
        (layout.prometheus / name).write_text(_rules(name).read_text(encoding="utf-8"), encoding="utf-8")
    write_yaml(layout.prometheus / "prometheus.yaml", _settings(layout))
    service = _service(layout)
    supervisor.start(service)
    supervisor.wait_until_ready(service)
    report(service)
    return _introduction(layout.prometheus_url)


def _rules(name: str) -> Traversable:
    """In the wheel beside this file, in the source tree under deploy/; DemoError when it is in neither."""
    places: tuple[Traversable, ...] = (files("extauth.demo") / "rules", _IN_SOURCE)
    for place in places:
        if (place / name).is_file():
            return place / name
    raise DemoError(f"this installation of extauth lacks {name}: install it again")


def _settings(layout: Layout) -> dict[str, Any]:
    targets = {
        "extauth": layout.ports.sidecar_admin,
        "extauth-registry": layout.ports.registry_http,
    }
    return {
        "global": {"scrape_interval": _INTERVAL, "evaluation_interval": _INTERVAL},
        "rule_files": list(RULES),
        "scrape_configs": [
            {"job_name": name, "static_configs": [{"targets": [f"{HOST}:{port}"]}]} for name, port in targets.items()
        ],
    }


def _service(layout: Layout) -> Service:
    options = {
        "config.file": str(layout.prometheus / "prometheus.yaml"),
        "storage.tsdb.path": str(layout.prometheus / "data"),
        "web.listen-address": f"{HOST}:{layout.ports.prometheus}",
        "log.level": "warn",
    }
    return Service(
        name="prometheus",
        command=(str(binaries.prometheus()), *(f"--{name}={value}" for name, value in options.items())),
        log=layout.log("prometheus"),
        is_ready=lambda: probes.http_status(f"{layout.prometheus_url}/-/ready") == HTTPStatus.OK,
    )


def _introduction(url: str) -> str:
    graphs = [f"  # {meaning}\n  {url}/graph?{_graph(query)}" for meaning, query in _GRAPHS]
    heading = f"Prometheus is at {url}, its alerts at {url}/alerts. Make some calls, then look at:\n"
    return "\n".join([heading, *graphs, "\nGrafana's dashboards are in deploy/dashboards.\n"])


def _graph(query: str) -> str:
    return urlencode({"g0.expr": query, "g0.tab": "0", "g0.range_input": "5m"})
