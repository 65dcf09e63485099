"""What a registry tells of usage in its ledger. Single keys are told apart here and nowhere else, a bounded number.

Those are gauges of a window and no counters: a key comes and goes as its traffic does, and a counter of all others
would have to go back by what a key had when it leaves them. The counter of all checks never does.
"""

from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

OTHERS = "other"
"""The `key` label of all keys that have no series of their own; no key has this id."""


class RecentChecks(Collector):
    """Always one consistent picture: it is replaced as a whole."""

    _name = "extauth_usage_recent_checks"
    _documentation = (
        "Checks in the last usage.metrics.window, by key (an id, which is public) for those with the most of them; "
        "all others share the key other. The same in every registry of a database."
    )
    _labelnames = ("key", "tenant", "outcome")

    def __init__(self, registry: CollectorRegistry) -> None:
        self._shown: Sequence[tuple[tuple[str, str, str], int]] = ()
        registry.register(self)

    def show(self, checks: Sequence[tuple[tuple[str, str, str], int]]) -> None:
        """Key, tenant and outcome (allowed, limited, denied) of each series, and its checks."""
        self._shown = checks

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(self._name, self._documentation, labels=self._labelnames)
        for labels, checks in self._shown:
            family.add_metric(labels, checks)
        yield family


class LedgerMetrics:
    """All series of one registry's ledger, in one Prometheus registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.checks = Counter(
            "extauth_usage_checks",
            "Checks that this registry has added to the ledger, by outcome: allowed, limited, or denied and the "
            "reason.",
            ["outcome"],
            registry=registry,
        )
        self.recent = RecentChecks(registry)
        self.fold_lag = Gauge(
            "extauth_usage_fold_lag_seconds",
            "Age of the oldest minute of usage that is not in its hour yet; some five minutes as a rule.",
            registry=registry,
        )
