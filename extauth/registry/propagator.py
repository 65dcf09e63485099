"""The propagator: a thread that takes changes of large tenants and plans to their keys, one transaction after another.

Each replica of the registry has one. They take turns, as all writers do, and none of them keeps anything in memory.
"""

import threading
import time
from collections.abc import Callable

from extauth.registry import propagation, times
from extauth.registry.database import Database
from extauth.registry.errors import UnavailableError
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.transaction import begin
from extauth.telemetry.logs import logger

_log = logger(__name__)
_ACTOR = "registry"  # changes are told in the name of whoever made them
_POLL_INTERVAL = 0.5  # seconds
_REST_AFTER_FAILURE = 1.0  # seconds


class Propagator:
    """`start` and `stop`, or `run_once` by hand. `clock` in Unix milliseconds."""

    def __init__(self, database: Database, metrics: RegistryMetrics, clock: Callable[[], int] = times.now) -> None:
        self._database = database
        self._metrics = metrics
        self._clock = clock
        self._failing = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="propagator", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """End after the transaction under way, or after `timeout` seconds."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def run_once(self) -> bool:
        """Tell some keys; False when there were none to tell. UnavailableError."""
        with self._database.read() as connection:
            waiting = connection.execute(propagation.waiting()).scalar_one()
        self._metrics.propagating.set(waiting)
        if not waiting:
            return False
        with begin(self._database, _ACTOR, self._clock, self._metrics) as transaction:
            return propagation.advance(transaction)

    def _run(self) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                more = self.run_once()
                self._failing = False
                # As long a pause as the work took leaves half of the time to other writers.
                self._stopping.wait(time.monotonic() - began if more else _POLL_INTERVAL)
            except UnavailableError as error:
                if not self._failing:
                    _log.warning("propagating_failed", error=str(error))
                self._failing = True
                self._stopping.wait(_REST_AFTER_FAILURE)
