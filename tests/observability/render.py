"""`python -m tests.observability.render URL FILE`: the dashboards as one HTML page, from what a Prometheus answers now.

To look at what the panels show, without a Grafana. Lines, bars and single values; a heatmap is drawn as lines.
"""

import html
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

from tests.observability.dashboards import Panel, filled, panels
from tests.observability.prometheus_client import Prometheus

_MINUTES = 10
_STEP = 5.0  # seconds
_INTERVAL = "1m"
_WIDTH, _HEIGHT = 460, 150  # of a graph, in pixels
_MOST_SHOWN = 12
_COLOURS = ("#3b7dd8", "#d8743b", "#3ba55d", "#a83bd8", "#d83b6a", "#3bbfd8", "#8a8a2a", "#777777")
_STYLE = """
body { font: 13px sans-serif; margin: 12px; background: #f4f5f7 }
main { display: flex; flex-wrap: wrap; gap: 8px }
h2 { flex-basis: 100%; margin: 8px 0 0; font-size: 16px }
section { background: #fff; border: 1px solid #ddd; padding: 6px; width: 470px }
section.stat { width: 150px; text-align: center } section.stat b { font-size: 24px }
h3 { margin: 0 0 4px; font-size: 13px } li { list-style: none } ul { margin: 0; padding: 0; font-size: 11px }
"""

Series = tuple[str, list[tuple[float, float]]]
"""A legend, and times with values."""


def page(prometheus: Prometheus, now: float) -> str:
    """All dashboards."""
    parts, heading = [], ""
    for panel in panels():
        if heading != (heading := f"{panel.dashboard}: {panel.row}"):
            parts.append(f"<h2>{html.escape(heading)}</h2>")
        parts.append(_section(panel, _series(prometheus, panel, now)))
    return f"<!doctype html><meta charset=utf-8><style>{_STYLE}</style><main>{''.join(parts)}</main>"


def _series(prometheus: Prometheus, panel: Panel, now: float) -> list[Series]:
    found = []
    for legend, query in panel.queries.items():
        for one in prometheus.query_range(filled(query, _INTERVAL), now - _MINUTES * 60, now, _STEP):
            points = [(float(when), float(value)) for when, value in one["values"] if value != "NaN"]
            found.append((_filled_legend(legend, one["metric"]), points))
    return [series for series in found if series[1]]


def _filled_legend(legend: str, labels: dict[str, Any]) -> str:
    return Template(legend.replace("{{", "${").replace("}}", "}")).safe_substitute(labels)


def _section(panel: Panel, found: Sequence[Series]) -> str:
    title = f"<h3>{html.escape(panel.title)} <small>{panel.unit}</small></h3>"
    if panel.kind == "stat":
        value = f"{found[0][1][-1][1]:.4g}" if found else "no data"
        return f"<section class=stat>{title}<b>{value}</b></section>"
    if not found:
        return f"<section>{title}no data</section>"
    if panel.kind == "bars":
        rows = sorted(((points[-1][1], legend) for legend, points in found), reverse=True)
        items = "".join(f"<li>{value:g} {html.escape(name)}" for value, name in rows)
        return f"<section>{title}<ul>{items}</ul></section>"
    legends = "".join(
        f'<li style="color:{_colour(number)}">{html.escape(legend)}: {points[-1][1]:.4g}'
        for number, (legend, points) in enumerate(found[:_MOST_SHOWN])
    )
    return f"<section>{title}{_graph(found)}<ul>{legends}</ul></section>"


def _graph(found: Sequence[Series]) -> str:
    times = [when for _, points in found for when, _ in points]
    first, width = min(times), max(max(times) - min(times), 1)
    top = max(value for _, points in found for _, value in points) or 1
    lines = []
    for number, (_, points) in enumerate(found):
        at = " ".join(f"{(t - first) / width * _WIDTH:.1f},{_HEIGHT - v / top * (_HEIGHT - 4):.1f}" for t, v in points)
        lines.append(f'<polyline fill="none" stroke-width="1.5" stroke="{_colour(number)}" points="{at}"/>')
    label = f'<text x="2" y="12" font-size="11" fill="#888">{top:.4g}</text>'
    return f'<svg width="{_WIDTH}" height="{_HEIGHT}">{"".join(lines)}{label}</svg>'


def _colour(number: int) -> str:
    return _COLOURS[number % len(_COLOURS)]


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(page(Prometheus(sys.argv[1]), time.time()), encoding="utf-8")
