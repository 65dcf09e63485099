"""The upkeep: a thread that does what is due every minute, whoever asks or not.

Each replica of the registry has one, and their jobs may meet: none keeps anything in memory that the others need.
"""

import threading
from collections.abc import Callable, Mapping

from extauth.registry.errors import UnavailableError
from extauth.registry.metrics import RegistryMetrics
from extauth.telemetry.logs import logger

_log = logger(__name__)
INTERVAL = 60.0
"""Seconds."""

Job = Callable[[threading.Event], None]
"""Does what is due, or as much of it as it can before the event is set. May raise UnavailableError."""


class Upkeep:
    """`start` and `stop`, or `run_once` by hand. `jobs` by name, for the log and the metrics."""

    def __init__(self, jobs: Mapping[str, Job], metrics: RegistryMetrics, interval: float = INTERVAL) -> None:
        self._jobs = jobs
        self._failures = metrics.upkeep_failures
        self._interval = interval
        self._failing: set[str] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """End after the transaction under way, or after `timeout` seconds."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def run_once(self) -> None:
        """Do every job; one that fails holds up no other."""
        for name, job in self._jobs.items():
            try:
                job(self._stopping)
                self._failing.discard(name)
            except UnavailableError as error:
                self._failed(name, error)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.run_once()
            self._stopping.wait(self._interval)

    def _failed(self, name: str, error: UnavailableError) -> None:
        self._failures.labels(name).inc()
        if name not in self._failing:
            _log.warning("upkeep_failed", job=name, error=str(error))
        self._failing.add(name)
