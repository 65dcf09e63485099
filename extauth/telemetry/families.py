"""What one process counts, as plain data that can be sent to another."""

import json
import time
from typing import Any, TypeAlias

from prometheus_client import CollectorRegistry, Metric

Family: TypeAlias = tuple[str, str, str, list[tuple[str, dict[str, str], float]]]
"""Name, type, documentation, samples; a sample is its name, labels and value."""

_PAUSE = 0.0002  # seconds: long enough for another thread to take the interpreter


def families_as_json(registry: CollectorRegistry) -> bytes:
    """A JSON list of families.

    There is a pause after each of them, so that a thread that has a check to answer waits for one family, and not for
    all.
    """
    parts = []
    for metric in registry.collect():
        parts.append(json.dumps(_family(metric)).encode())
        time.sleep(_PAUSE)
    return b"[" + b",".join(parts) + b"]"


def families_of(registry: CollectorRegistry) -> list[Family]:
    """The same, for this process's own use."""
    return [_family(metric) for metric in registry.collect()]


def metric_of(family: Family) -> Metric:
    """As prometheus_client has it."""
    name, kind, documentation, samples = family
    metric = Metric(name, documentation, kind)
    for sample, labels, value in samples:
        metric.add_sample(sample, labels, value)
    return metric


def _family(metric: Metric) -> Family:
    samples: list[Any] = [(sample.name, sample.labels, sample.value) for sample in metric.samples]
    return metric.name, metric.type, metric.documentation, samples
