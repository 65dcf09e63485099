"""Counters and histograms for the path of a check: a plain addition each, where prometheus_client takes a lock.

The values of one process share one lock, which a check takes once for all that it counts. A scrape never takes it.
"""

import threading
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from math import inf

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

lock = threading.Lock()
"""Hold it while a cell is changed."""


class Cell:
    """One series of a counter."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def inc(self) -> None:
        with lock:
            self.value += 1


class BucketCells:
    """One series of a histogram; `bounds` in ascending order."""

    __slots__ = ("_bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, amount: float) -> None:
        """With `lock` held."""
        self.counts[bisect_left(self._bounds, amount)] += 1
        self.total += amount


class _Family(Collector, ABC):
    """A metric and its series, by the values of their labels."""

    def __init__(
        self, name: str, documentation: str, labelnames: Sequence[str], *, registry: CollectorRegistry | None
    ) -> None:
        self._name = name
        self._documentation = documentation
        self._labelnames = tuple(labelnames)
        if registry is not None:
            registry.register(self)

    @abstractmethod
    def collect(self) -> Iterator[Metric]: ...

    def describe(self) -> Iterator[Metric]:
        """What the registry asks for in place of values."""
        return self.collect()


class CellCounter(_Family):
    """A counter, as prometheus_client's Counter looks to a scrape."""

    def __init__(
        self, name: str, documentation: str, labelnames: Sequence[str] = (), *, registry: CollectorRegistry | None
    ) -> None:
        self._cells: dict[tuple[str, ...], Cell] = {}
        super().__init__(name, documentation, labelnames, registry=registry)

    def labels(self, *values: str) -> Cell:
        """The series of these label values, made when it is first asked for."""
        return self._cells.setdefault(values, Cell())

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(self._name, self._documentation, labels=self._labelnames)
        for values, cell in list(self._cells.items()):
            family.add_metric(values, cell.value)
        yield family


class CellHistogram(_Family):
    """A histogram, as prometheus_client's Histogram looks to a scrape."""

    def __init__(
        self,
        name: str,
        documentation: str,
        labelnames: Sequence[str] = (),
        *,
        buckets: Sequence[float],
        registry: CollectorRegistry | None,
    ) -> None:
        self._bounds = tuple(buckets)
        self._cells: dict[tuple[str, ...], BucketCells] = {}
        super().__init__(name, documentation, labelnames, registry=registry)

    def labels(self, *values: str) -> BucketCells:
        """The series of these label values, made when it is first asked for."""
        return self._cells.setdefault(values, BucketCells(self._bounds))

    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily(self._name, self._documentation, labels=self._labelnames)
        bounds = [floatToGoString(bound) for bound in (*self._bounds, inf)]  # type: ignore[no-untyped-call] # so it ships
        for values, cells in list(self._cells.items()):
            counts = list(accumulate(cells.counts))
            family.add_metric(values, list(zip(bounds, counts, strict=True)), cells.total)
        yield family
