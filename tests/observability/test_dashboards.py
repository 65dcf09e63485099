"""The dashboards are what their tables say, and ask for what exists."""

import json
import re
from pathlib import Path

import pytest
import yaml

from tests.observability.dashboards import FOLDER, GENERATE, NAMES, filled, panels
from tests.observability.rules import promtool, rules

DOCS = Path(__file__).parents[2] / "docs" / "metrics.md"
_HISTOGRAM_PARTS = ("bucket", "count", "sum")


def documented() -> set[str]:
    """Every series that docs/metrics.md promises."""
    found = set()
    for name, kind in re.findall(r"^\| `(extauth_\w+)` \| (\w+) \|", DOCS.read_text(), re.MULTILINE):
        found |= {f"{name}_{part}" for part in _HISTOGRAM_PARTS} if kind == "histogram" else {name}
    return found


def queries() -> list[tuple[str, str]]:
    """Where each query stands, and the query."""
    of_panels = [(f"{panel.name}: {legend}", query) for panel in panels() for legend, query in panel.queries.items()]
    return [*of_panels, *((rule.get("alert") or rule["record"], rule["expr"]) for rule in rules())]


@pytest.mark.parametrize("name", NAMES)
def test_a_dashboard_is_what_its_table_says(name: str) -> None:
    made = GENERATE["dashboard_of"](GENERATE["table_of"](FOLDER, name))
    assert (FOLDER / f"{name}.json").read_text() == made, "run `make docs`"


@pytest.mark.parametrize("name", NAMES)
def test_a_dashboard_can_be_imported_beside_others(name: str) -> None:
    """Panels with ids of their own, and no data source that exists in one Grafana only."""
    found = json.loads((FOLDER / f"{name}.json").read_text())
    assert found["uid"] == f"extauth-{name}"
    numbers = [panel["id"] for panel in found["panels"]]
    assert sorted(set(numbers)) == numbers
    sources = {panel["datasource"]["uid"] for panel in found["panels"] if panel["type"] != "row"}
    assert sources == {"${datasource}"}
    boxes = [panel["gridPos"] for panel in found["panels"]]
    assert all(box["x"] + box["w"] <= 24 for box in boxes)


def test_what_is_asked_for_exists() -> None:
    known = documented() | {rule["record"] for rule in rules() if "record" in rule}
    for place, query in queries():
        for name in re.findall(r"[\w:]*\bextauth_[\w:]+|[a-z_]+:extauth_[\w:]+", query):
            assert name in known, f"{place}: {name}"


def test_what_is_recorded_is_used() -> None:
    asked = " ".join(query for _, query in queries())
    for rule in rules():
        assert "record" not in rule or rule["record"] in asked, rule["record"]


@pytest.mark.slow  # it needs promtool
def test_every_query_parses(tmp_path: Path) -> None:
    """Each as a rule, which promtool reads as Prometheus does."""
    made = [
        {"record": f"query:{number}", "expr": filled(query), "labels": {"place": re.sub(r"[^ -~]", "", place)}}
        for number, (place, query) in enumerate(queries())
    ]
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": made}]}))
    done = promtool("check", "rules", str(path))
    assert done.returncode == 0, done.stderr
