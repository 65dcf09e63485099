"""Asking a Prometheus, by its HTTP API."""

import json
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Prometheus:
    """One that runs."""

    url: str

    def get(self, path: str, **parameters: str) -> Any:
        """The `data` of an answer below /api/v1/; HTTPError for a query that is refused."""
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=10) as response:
            answer = json.load(response)
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, query: str) -> list[dict[str, Any]]:
        """What it answers now, as a vector; a value that is no number counts as none."""
        found: list[dict[str, Any]] = self.get("query", query=query)["result"]
        return [one for one in found if one["value"][1] != "NaN"]

    def query_range(self, query: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """Series with their values from `start` to `end` (Unix seconds), `step` seconds apart."""
        times = {"start": f"{start:.0f}", "end": f"{end:.0f}", "step": f"{step:g}"}
        found: list[dict[str, Any]] = self.get("query_range", query=query, **times)["result"]
        return found
