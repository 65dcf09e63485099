"""One page of metrics for several processes.

Counters and histograms are summed, over those that have ended too: a process that is started again makes no counter go
back. Gauges are combined as COMBINED says; one that does not stand there is shown for each process, and so is what
describes a process itself.
"""

import threading
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TypeAlias

from extauth.telemetry.families import Family

Combine: TypeAlias = Callable[[Iterable[float]], float]


def farthest(values: Iterable[float]) -> float:
    """From 0."""
    return max(values, key=abs)


COMBINED: Mapping[str, Combine] = {
    "extauth_checks_waiting": sum,
    "extauth_redis_waiting": sum,
    "extauth_near_cache_entries": sum,
    "extauth_feed_age_seconds": max,
    "extauth_leases": sum,
    "extauth_replicas": max,
    "extauth_redis_clock_ahead_seconds": farthest,
    "extauth_key_guessing_sources": sum,
    "extauth_ready": min,
    "extauth_transport": max,
    "extauth_bearer_key_set_age_seconds": max,
    "extauth_usage_batches_waiting": sum,
    "extauth_tls_certificate_expiry_timestamp_seconds": min,
    "python_info": max,
}
"""How the values of a gauge in several processes become one."""

WORKER_LABEL = "worker"
_OF_A_PROCESS = ("process_", "python_")
_SUMMED = ("counter", "histogram")

_Series: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]
"""A sample's name and labels."""


class ManyProcesses:
    """The newest families of each process, from any thread."""

    def __init__(self) -> None:
        self._newest: dict[Hashable, Sequence[Family]] = {}
        self._ended: dict[str, Family] = {}
        self._lock = threading.Lock()

    def update(self, process: Hashable, families: Sequence[Family]) -> None:
        """What a process says of itself now, in place of what it said before."""
        with self._lock:
            self._newest[process] = families

    def end(self, process: Hashable) -> None:
        """A process has ended: its last counters stay, its gauges go."""
        with self._lock:
            for family in filter(_is_summed, self._newest.pop(process, ())):
                self._ended[family[0]] = _combined(family, [family, *self._known(family[0])], sum)

    def families(self, names: Mapping[Hashable, str]) -> list[Family]:
        """All families. `names` are the processes whose gauges count, and what each is called in the label."""
        with self._lock:
            newest: list[tuple[Hashable, Family]] = [(None, family) for family in self._ended.values()]
            newest += [(process, family) for process, families in self._newest.items() for family in families]
        by_name: dict[str, list[tuple[Hashable, Family]]] = {}
        for process, family in newest:
            by_name.setdefault(family[0], []).append((process, family))
        return [_merged(members, names) for _, members in sorted(by_name.items())]

    def _known(self, name: str) -> list[Family]:
        return [self._ended[name]] if name in self._ended else []


def _merged(members: Sequence[tuple[Hashable, Family]], names: Mapping[Hashable, str]) -> Family:
    """One family of those that have its name."""
    family = members[0][1]
    if _is_summed(family):
        return _combined(family, [member for _, member in members], sum)
    shown = [(names[process], member) for process, member in members if process in names]
    if family[0] in COMBINED:
        return _combined(family, [member for _, member in shown], COMBINED[family[0]])
    name, kind, documentation, _ = family
    samples = [
        (sample, {WORKER_LABEL: worker, **labels}, value)
        for worker, (_, _, _, samples) in shown
        for sample, labels, value in samples
    ]
    return name, kind, documentation, samples


def _combined(family: Family, members: Sequence[Family], combine: Combine) -> Family:
    values: dict[_Series, list[float]] = {}
    for _, _, _, samples in members:
        for sample, labels, value in samples:
            values.setdefault((sample, tuple(labels.items())), []).append(value)
    name, kind, documentation, _ = family
    return name, kind, documentation, [(name, dict(labels), combine(found)) for (name, labels), found in values.items()]


def _is_summed(family: Family) -> bool:
    name, kind, _, _ = family
    return kind in _SUMMED and not name.startswith(_OF_A_PROCESS)
