"""Reading a Prometheus page, with Prometheus' own parser."""

import urllib.request
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True, slots=True)
class Samples:
    """All samples of one page at one moment."""

    values: dict[tuple[str, frozenset[tuple[str, str]]], float]

    def __call__(self, name: str, **labels: str) -> float:
        return self.values[name, frozenset(labels.items())]

    def total(self, name: str) -> float:
        """Over all labels."""
        return sum(value for (found, _), value in self.values.items() if found == name)

    @property
    def names(self) -> set[str]:
        return {name for name, _ in self.values}


def scrape(url: str) -> Samples:
    with urllib.request.urlopen(url, timeout=10) as response:
        text = response.read().decode()
    families = text_string_to_metric_families(text)
    return Samples({(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples})
