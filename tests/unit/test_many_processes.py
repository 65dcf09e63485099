"""One page of metrics for several processes, from what real registries say."""

import json

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.registry import Collector

from extauth.telemetry.bearer_metrics import BearerMetrics
from extauth.telemetry.families import Family, families_as_json, families_of, metric_of
from extauth.telemetry.many_processes import COMBINED, ManyProcesses
from extauth.telemetry.sidecar_metrics import SidecarMetrics
from extauth.telemetry.usage_metrics import UsageMetrics


class Process:
    """Counts a little of everything."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.checks = Counter("extauth_checks", "Checks.", ["reason"], registry=self.registry)
        self.seconds = Histogram("extauth_check_seconds", "Time.", buckets=(0.1, 1), registry=self.registry)
        self.age = Gauge("extauth_feed_age_seconds", "Age.", registry=self.registry)
        self.entries = Gauge("extauth_near_cache_entries", "Entries.", registry=self.registry)
        self.ready = Gauge("extauth_ready", "Ready.", ["component"], registry=self.registry)
        self.other = Gauge("extauth_something_new", "Whatever it may be.", registry=self.registry)
        ProcessCollector(registry=self.registry)

    def families(self) -> list[Family]:
        found: list[Family] = json.loads(families_as_json(self.registry))
        return found


class Page(Collector):
    """What a scrape would show."""

    def __init__(self, counts: ManyProcesses, **names: Process) -> None:
        self._families = counts.families({process: name for name, process in names.items()})
        self.text = generate_latest(self).decode()

    def collect(self) -> list:  # type: ignore[type-arg]
        return [metric_of(family) for family in self._families]

    def __call__(self, sample: str) -> float:
        """The value of a sample, written as on the page; KeyError when there is none."""
        lines = dict(line.rsplit(" ", 1) for line in self.text.splitlines() if not line.startswith("#"))
        return float(lines[sample])


@pytest.fixture
def counts() -> ManyProcesses:
    return ManyProcesses()


@pytest.fixture
def processes(counts: ManyProcesses) -> tuple[Process, Process]:
    first, second = Process(), Process()
    for number, process in enumerate((first, second), 1):
        process.checks.labels("ok").inc(number)
        process.seconds.observe(0.5 * number)
        process.age.set(10 * number)
        process.entries.set(100 * number)
        process.ready.labels("warm").set(number - 1)
        process.other.set(number)
    second.checks.labels("expired_key").inc()
    for process in (first, second):
        counts.update(process, process.families())
    return first, second


def test_counters_and_histograms_are_summed(counts: ManyProcesses, processes: tuple[Process, Process]) -> None:
    page = Page(counts, a=processes[0], b=processes[1])
    assert page('extauth_checks_total{reason="ok"}') == 3
    assert page('extauth_checks_total{reason="expired_key"}') == 1
    assert [page(f'extauth_check_seconds_bucket{{le="{bound}"}}') for bound in ("0.1", "1.0", "+Inf")] == [0, 2, 2]
    assert page("extauth_check_seconds_sum") == 1.5


def test_gauges_are_combined_by_what_they_mean(counts: ManyProcesses, processes: tuple[Process, Process]) -> None:
    page = Page(counts, a=processes[0], b=processes[1])
    assert page("extauth_feed_age_seconds") == 20
    assert page("extauth_near_cache_entries") == 300
    assert page('extauth_ready{component="warm"}') == 0


def test_other_gauges_and_processes_are_shown_one_by_one(
    counts: ManyProcesses, processes: tuple[Process, Process]
) -> None:
    page = Page(counts, a=processes[0], b=processes[1])
    assert [page(f'extauth_something_new{{worker="{name}"}}') for name in "ab"] == [1, 2]
    assert page('process_cpu_seconds_total{worker="a"}') > 0
    assert page('process_resident_memory_bytes{worker="b"}') > 0


def test_the_page_has_each_family_and_series_once(counts: ManyProcesses, processes: tuple[Process, Process]) -> None:
    counts.end(processes[0])
    counts.update(processes[0], processes[0].families())
    lines = Page(counts, a=processes[0], b=processes[1]).text.splitlines()
    names = [line.rsplit(" ", 1)[0] for line in lines]
    assert len(names) == len(set(names))


def test_what_a_process_counted_stays_when_it_ends_and_its_gauges_go(
    counts: ManyProcesses, processes: tuple[Process, Process]
) -> None:
    first, second = processes
    counts.end(first)
    page = Page(counts, b=second)
    assert page('extauth_checks_total{reason="ok"}') == 3
    assert page("extauth_check_seconds_count") == 2
    assert page("extauth_near_cache_entries") == 200
    assert 'worker="a"' not in page.text
    successor = Process()
    successor.checks.labels("ok").inc()
    counts.update(successor, successor.families())
    assert Page(counts, a=successor, b=second)('extauth_checks_total{reason="ok"}') == 4
    for process in (second, successor):
        counts.end(process)
    page = Page(counts)
    assert page('extauth_checks_total{reason="ok"}') == 4
    assert page('extauth_check_seconds_bucket{le="1.0"}') == 2


def test_one_that_does_not_answer_keeps_its_counters_and_has_no_gauges(
    counts: ManyProcesses, processes: tuple[Process, Process]
) -> None:
    page = Page(counts, b=processes[1])
    assert page('extauth_checks_total{reason="ok"}') == 3
    assert page("extauth_near_cache_entries") == 200
    assert 'worker="a"' not in page.text


def test_a_process_that_never_said_anything_may_end(counts: ManyProcesses) -> None:
    counts.end("nobody")
    assert counts.families({}) == []


def test_of_each_gauge_of_a_sidecar_it_is_known_how_it_is_combined() -> None:
    registry = CollectorRegistry()
    for metrics in (SidecarMetrics, BearerMetrics, UsageMetrics):
        metrics(registry)
    assert {name for name, kind, _, _ in families_of(registry) if kind == "gauge"} <= COMBINED.keys()
