"""The dashboards' panels and queries, as a Grafana would ask them."""

import re
import runpy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "deploy" / "dashboards"
GENERATE = runpy.run_path(str(FOLDER / "generate.py"))
NAMES: tuple[str, ...] = GENERATE["NAMES"]


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel; its queries by legend, with variables as Grafana writes them."""

    dashboard: str
    row: str
    title: str
    kind: str
    unit: str
    queries: dict[str, str]

    @property
    def name(self) -> str:
        return f"{self.dashboard}: {self.row}: {self.title}"


def panels() -> Iterator[Panel]:
    """All panels of all dashboards."""
    for name in NAMES:
        for row in GENERATE["table_of"](FOLDER, name)["rows"]:
            for panel in row["panels"]:
                yield Panel(
                    dashboard=name,
                    row=row["title"],
                    title=panel["title"],
                    kind=panel.get("kind", "lines"),
                    unit=panel.get("unit", "short"),
                    queries=GENERATE["queries_of"](panel),
                )


def filled(query: str, interval: str = "5m") -> str:
    """With every variable on "All"."""
    return re.sub(r"\$(namespace|job)", ".*", query).replace("$__rate_interval", interval)
