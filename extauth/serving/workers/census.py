"""What the workers say of themselves, together: whether the sidecar is ready, and all that they count."""

import time
from collections.abc import Hashable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.registry import Collector

from extauth.serving.components import Report
from extauth.serving.workers.control import Message
from extauth.serving.workers.fleet import Fleet
from extauth.serving.workers.process import WorkerProcess
from extauth.telemetry.families import families_of, metric_of
from extauth.telemetry.many_processes import ManyProcesses
from extauth.telemetry.supervisor_metrics import SupervisorMetrics

_REPORT_PATIENCE = 0.5  # seconds; Kubernetes waits for one
_SCRAPE_PATIENCE = 3.0  # seconds; Prometheus waits for ten
_SUPERVISOR = "supervisor"


class Readiness:
    """Ready for the first time when all workers are, and from then on while at least one is.

    One worker that is away is no reason to take those that serve out of service.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._all_were_ready = False
        self.draining = False

    def report(self) -> Report:
        reports = _ask(self._fleet.in_place(), "report", _REPORT_PATIENCE)
        ready = [_is_ready(reply) for reply in reports.values()]
        self._all_were_ready = self._all_were_ready or all(ready)
        components = {f"worker {process.worker}": _summary(process, reply) for process, reply in reports.items()}
        if self.draining:
            components["shutdown"] = "draining"
        return Report(any(ready) and self._all_were_ready and not self.draining, components)


class Gathering(Collector):
    """One page of metrics: the supervisor's `own`, and those of all workers, asked for at each scrape."""

    def __init__(self, fleet: Fleet, counts: ManyProcesses, metrics: SupervisorMetrics, own: CollectorRegistry) -> None:
        self._fleet = fleet
        self._counts = counts
        self._metrics = metrics
        self._own = own

    def collect(self) -> Iterator[Metric]:
        replies = _ask(self._fleet.living(), "families", _SCRAPE_PATIENCE)
        names: dict[Hashable, str] = {_SUPERVISOR: _SUPERVISOR}
        for process in self._fleet.in_place():
            reply = replies.get(process)
            self._metrics.ready.labels(str(process.worker)).set(_is_ready(reply))
            if reply is not None:
                names[process] = str(process.worker)
        for process, reply in replies.items():
            if reply is None and not process.ended.is_set():
                self._metrics.scrapes_missed.labels(str(process.worker)).inc()
        self._counts.update(_SUPERVISOR, families_of(self._own))
        return map(metric_of, self._counts.families(names))


def _ask(processes: Sequence[WorkerProcess], do: str, patience: float) -> dict[WorkerProcess, Message | None]:
    """Ask all at the same time, and wait for all of them together."""
    replies = {process: process.ask(do) for process in processes}
    deadline = time.monotonic() + patience
    return {process: reply.wait(deadline - time.monotonic()) for process, reply in replies.items()}


def _is_ready(reply: Message | None) -> bool:
    return reply is not None and reply["report"]["ready"]


def _summary(process: WorkerProcess, reply: Message | None) -> str:
    if reply is None:
        return f"ended: {process.problem or 'it is started again'}" if process.ended.is_set() else "does not answer"
    faults = [f"{name}: {text}" for name, text in reply["report"]["components"].items() if text != "ok"]
    return "; ".join(faults) or "ok"
