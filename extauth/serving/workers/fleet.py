"""All workers of a sidecar, and what each of them is started with."""

import threading
import time
from collections.abc import Sequence

from extauth.policy.endpoints import worker_address
from extauth.serving.sockets import Claim
from extauth.serving.workers.fork_server import ForkServer
from extauth.serving.workers.order import Order
from extauth.serving.workers.process import WorkerProcess
from extauth.serving.workers.slot import Slot
from extauth.telemetry.many_processes import ManyProcesses
from extauth.telemetry.supervisor_metrics import SupervisorMetrics

_START = 60.0  # seconds until a first worker that does not serve is given up
# Seconds to become ready before listening. The first ones listen at once, as a sidecar without workers does. After
# that the others serve on meanwhile, and a cold worker could only do worse than they do.
_FIRST, _AGAIN, _SUCCESSOR = 0.0, 5.0, 30.0


class WorkerError(Exception):
    """A worker cannot begin; the text is for a person."""


class Fleet:
    """`begin` and `wait_until_serving`, then `stop`.

    `text` is the content of the settings' file at `path`, which has been found good.
    """

    def __init__(
        self,
        *,
        workers: int,
        addresses: Sequence[str],
        path: str,
        text: str,
        fork_server: ForkServer,
        counts: ManyProcesses,
        metrics: SupervisorMetrics,
    ) -> None:
        self._addresses = addresses
        self._path = path
        self._text = text
        self._fork_server = fork_server
        self._counts = counts
        self._warm_up = _FIRST
        self._processes: list[WorkerProcess] = []
        self._launching = threading.Lock()
        self.slots = [Slot(worker, self._launch, metrics) for worker in range(workers)]

    def begin(self) -> None:
        """Start all of them."""
        for slot in self.slots:
            slot.begin()

    def wait_until_serving(self) -> None:
        """And keep them so. Raises WorkerError when one cannot begin; the others run on."""
        deadline = time.monotonic() + _START
        for process in self.in_place():
            if not process.serves(deadline - time.monotonic()):
                raise WorkerError(process.problem or f"worker {process.worker} did not begin to serve; see the log")
        self._warm_up = _AGAIN
        for slot in self.slots:
            slot.keep()

    def in_place(self) -> list[WorkerProcess]:
        """One for each place; it may have ended."""
        return [slot.process for slot in self.slots]

    def living(self) -> list[WorkerProcess]:
        """All that run: also those that drain, and those that are not in place yet."""
        return [process for process in self._processes if not process.ended.is_set()]

    def start_with(self, text: str) -> list[WorkerProcess]:
        """Start workers with these settings from now on; those that run, which were started with others."""
        with self._launching:
            self._text = text
            return self.living()

    def replace(self, slot: Slot, text: str, end_within: float) -> str | None:
        """Put a worker with these settings in place of another. None, or why that was not possible."""
        return slot.replace(lambda worker, claim: self._launch(worker, claim, text), _SUCCESSOR + 5, end_within)

    def stop(self, within: float) -> None:
        """Let all drain at the same time, and kill those that have not ended `within` seconds."""
        for slot in self.slots:
            slot.stop()
        deadline = time.monotonic() + within
        while living := self._known_living():
            for process in living:
                if not process.ended.wait(max(deadline - time.monotonic(), 0)):
                    process.kill()

    def _known_living(self) -> list[WorkerProcess]:
        """Also the one that is being forked at this moment."""
        with self._launching:
            return self.living()

    def _launch(self, worker: int, claim: Claim, text: str | None = None) -> WorkerProcess:
        workers = len(self.slots)
        addresses = tuple(worker_address(address, worker, workers) for address in self._addresses)
        with self._launching:
            order = Order(
                worker=worker,
                addresses=addresses,
                path=self._path,
                text=text or self._text,
                claim=claim,
                warm_up=_SUCCESSOR if claim is Claim.SUCCEEDING else self._warm_up,
            )
            process = WorkerProcess(order, self._fork_server, self._counts)
            self._processes = [*self.living(), process]
            return process
