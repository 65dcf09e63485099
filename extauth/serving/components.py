"""Health by named component: what is ready, and why something is not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from prometheus_client import Gauge


@dataclass(frozen=True, slots=True)
class Component:
    """A part that can be asked how it is. `vital`: without it the process is not ready."""

    name: str
    fault: Callable[[], str | None]
    """None while all is well, else what is wrong, in a few words for a person."""
    vital: bool


@dataclass(frozen=True, slots=True)
class Report:
    """The state of all components at one moment."""

    ready: bool
    components: Mapping[str, str]


class Reporting(Protocol):
    """What /readyz asks."""

    def report(self) -> Report: ...


class Components:
    """All components of a process; `gauge` shows each of them as 1 or 0."""

    def __init__(self, components: list[Component], gauge: Gauge) -> None:
        self._components = components
        for component in components:
            gauge.labels(component.name).set_function(partial(_is_well, component))

    def report(self) -> Report:
        faults = {component.name: component.fault() for component in self._components}
        ready = all(faults[component.name] is None for component in self._components if component.vital)
        return Report(ready, {name: fault or "ok" for name, fault in faults.items()})


def _is_well(component: Component) -> float:
    return float(component.fault() is None)
