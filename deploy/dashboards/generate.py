"""Write Grafana's dashboards from their tables, with Grafana's own types.

usage: generate.py FOLDER    (`make docs` passes deploy/dashboards; a test compares what is committed with this)
"""

import json
import sys
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import yaml
from grafana_foundation_sdk.builders import bargauge, common, dashboard, heatmap, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import BigValueGraphMode, StackingMode, VizOrientation
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    VariableOption,
    VariableRefresh,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

NAMES = ("operators", "usage")
SELECTORS = {"$where": 'namespace=~"$namespace", job=~"$job"', "$registry": 'namespace=~"$namespace"'}
"""Of a sidecar's series, and of a registry's."""
_SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
_HEIGHT = 7  # of Grafana's rows
_SPANS = {"stat": 4, "bars": 8, "heatmap": 8, "lines": 8}  # of Grafana's 24 columns
_STAT_HEIGHT = 4
_FILL = 20  # percent, below stacked lines

Panel = Mapping[str, Any]
"""As it stands in a table."""


def table_of(folder: Path, name: str) -> Mapping[str, Any]:
    table: Mapping[str, Any] = yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8"))
    return table


def panels_of(table: Mapping[str, Any]) -> Iterator[Panel]:
    for row in table["rows"]:
        yield from row["panels"]


def queries_of(panel: Panel) -> dict[str, str]:
    """The panel's queries by legend, with selectors in place of their names."""
    return {legend: _selected(query) for legend, query in panel["queries"].items()}


def _selected(query: str) -> str:
    for name, selector in SELECTORS.items():
        query = query.replace(name, selector)
    return " ".join(query.split())


def dashboard_of(table: Mapping[str, Any]) -> str:
    """As JSON, ready for import or provisioning."""
    made = (
        dashboard.Dashboard(table["title"])
        .uid(table["uid"])
        .description(table["description"])
        .tags(["extauth"])
        .time("now-1h", "now")
        .refresh("30s")
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(_variable("namespace", "label_values(extauth_checks_total, namespace)"))
        .with_variable(_variable("job", 'label_values(extauth_checks_total{namespace=~"$namespace"}, job)'))
    )
    numbers = count(1)
    for row in table["rows"]:
        made.with_row(dashboard.Row(row["title"]).id(next(numbers)))
        for panel in row["panels"]:
            made.with_panel(_panel(panel).id(next(numbers)))
    return json.dumps(made.build(), cls=JSONEncoder, indent=2) + "\n"


def _variable(name: str, query: str) -> dashboard.QueryVariable:
    everything = VariableOption(text="All", value="$__all", selected=True)
    return (
        dashboard.QueryVariable(name)
        .label(name.capitalize())
        .datasource(_SOURCE)
        .query(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .include_all(True)
        .all_value(".*")  # outside Kubernetes there is no namespace
        .multi(True)
        .current(everything)
    )


def _panel(panel: Panel) -> Any:
    kind = panel.get("kind", "lines")
    made = _KINDS[kind](panel)
    made.title(panel["title"]).datasource(_SOURCE).unit(panel.get("unit", "short")).span(_SPANS[kind])
    made.height(_STAT_HEIGHT if kind == "stat" else _HEIGHT).min(0)
    if "max" in panel:
        made.max(panel["max"])
    if "description" in panel:
        made.description(panel["description"])
    for number, (legend, query) in enumerate(queries_of(panel).items()):
        target = prometheus.Dataquery().expr(query).legend_format(legend).ref_id(chr(ord("A") + number))
        target.format(PromQueryFormat.HEATMAP if kind == "heatmap" else PromQueryFormat.TIME_SERIES)
        made.with_target(target.instant() if kind in {"bars", "stat"} else target.range())
    return made


def _lines(panel: Panel) -> timeseries.Panel:
    made = timeseries.Panel().line_width(1)
    if panel.get("stacked"):
        made.stacking(common.StackingConfig().mode(StackingMode.NORMAL)).fill_opacity(_FILL)
    return made


def _stat(panel: Panel) -> stat.Panel:
    steps = [Threshold(value=None, color="green")]
    if "red_from" in panel:
        steps.append(Threshold(value=panel["red_from"], color="red"))
    thresholds = dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
    return stat.Panel().graph_mode(BigValueGraphMode.NONE).thresholds(thresholds).reduce_options(_newest())


def _bars(_panel: Panel) -> bargauge.Panel:
    return bargauge.Panel().orientation(VizOrientation.HORIZONTAL).reduce_options(_newest())


def _newest() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"])


def _heatmap(_panel: Panel) -> heatmap.Panel:
    return heatmap.Panel().calculate(False)


_KINDS = {"lines": _lines, "stat": _stat, "bars": _bars, "heatmap": _heatmap}


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for name in NAMES:
        (folder / f"{name}.json").write_text(dashboard_of(table_of(folder, name)), encoding="utf-8")
