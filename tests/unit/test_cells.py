"""Own counters and histograms look to a scrape like prometheus_client's."""

from threading import Thread

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from extauth.telemetry.cells import CellCounter, CellHistogram, lock

BOUNDS = (0.00001, 0.1, 1.0)
AMOUNTS = (0.000001, 0.00001, 0.05, 0.1, 1.0, 1.5, 7.0)


def lines_of(registry: CollectorRegistry) -> list[str]:
    lines = generate_latest(registry).decode().splitlines()
    return [line for line in lines if "_created" not in line]


def test_a_counter_reads_as_the_librarys_does() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    cells = CellCounter("things", "Things by kind.", ["kind"], registry=ours)
    counter = Counter("things", "Things by kind.", ["kind"], registry=theirs)
    for kind in ("one", "two", "one", 'od"d'):
        cells.labels(kind).inc()
        counter.labels(kind).inc()
    assert lines_of(ours) == lines_of(theirs)
    assert 'things_total{kind="one"} 2.0' in lines_of(ours)


def test_a_histogram_reads_as_the_librarys_does() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    cells = CellHistogram("seconds", "Time.", ["source"], buckets=BOUNDS, registry=ours).labels("memory")
    histogram = Histogram("seconds", "Time.", ["source"], buckets=BOUNDS, registry=theirs).labels("memory")
    for amount in AMOUNTS:
        with lock:
            cells.observe(amount)
        histogram.observe(amount)
    assert lines_of(ours) == lines_of(theirs)


def test_a_name_is_taken_once() -> None:
    registry = CollectorRegistry()
    CellCounter("things", "Things.", registry=registry)
    with pytest.raises(ValueError, match="things"):
        CellCounter("things", "Other things.", registry=registry)


def test_no_count_of_several_threads_is_lost() -> None:
    cell = CellCounter("things", "Things.", registry=None).labels()
    threads = [Thread(target=lambda: [cell.inc() for _ in range(20_000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cell.value == 80_000
