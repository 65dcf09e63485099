"""One place among the workers: keeps a process in it, starts another when it ends, replaces it when asked to."""

import threading
import time
from collections.abc import Callable

from extauth.serving.sockets import Claim
from extauth.serving.workers.process import WorkerProcess
from extauth.telemetry.logs import logger
from extauth.telemetry.supervisor_metrics import SupervisorMetrics

_log = logger(__name__)

Launch = Callable[[int, Claim], WorkerProcess]
"""Fork a worker for a place."""

_LOOK = 3.0  # seconds between questions whether it still answers
_PATIENCE = 10.0  # seconds without an answer until it counts as hung
_RETRY = 0.5  # seconds
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.1, 10.0  # seconds before a worker that ended is started again
_HEALTHY = 30.0  # seconds after which a worker's end is a new event, and not one more failure to start


class Pauses:
    """How long to wait before a worker is started again: longer each time, unless it was healthy for a while."""

    def __init__(self) -> None:
        self._next = _SHORTEST_PAUSE

    def after(self, age: float) -> float:
        """Seconds, when the last one lived for `age` seconds."""
        pause = _SHORTEST_PAUSE if age > _HEALTHY else self._next
        self._next = min(2 * pause, _LONGEST_PAUSE)
        return pause


class Slot:
    """`begin`, then `keep`; `replace` any time after that, from one thread."""

    def __init__(self, worker: int, launch: Launch, metrics: SupervisorMetrics) -> None:
        self.worker = worker
        self._launch = launch
        self._metrics = metrics
        self._process: WorkerProcess | None = None
        self._successor: WorkerProcess | None = None
        self._stopping = threading.Event()
        self._changing = threading.Lock()
        self._thread = threading.Thread(target=self._keep, name=f"slot-{worker}", daemon=True)

    @property
    def process(self) -> WorkerProcess:
        """The one in place now; it may have ended."""
        assert self._process is not None, "begin comes first"
        return self._process

    def begin(self) -> None:
        """Fork the first one."""
        self._process = self._launch(self.worker, Claim.BESIDE)

    def keep(self) -> None:
        """From now on there is one, until `stop`."""
        self._thread.start()

    def replace(self, launch: Launch, begin_within: float, end_within: float) -> str | None:
        """Put a successor in its place when that serves, then let the old one end. None, or why it did not."""
        with self._changing:
            if self._stopping.is_set():
                return "the sidecar is stopping"
            before = self.process
            successor = self._successor = launch(self.worker, Claim.SUCCEEDING)
            if not successor.serves(begin_within):
                successor.kill()
                return successor.problem or "the successor did not begin to serve in time"
            self._process, self._successor = successor, None
        self._metrics.restarts.labels(str(self.worker), "asked").inc()
        before.stop()
        if not before.ended.wait(end_within):
            before.kill()
        return None

    def stop(self) -> None:
        """Tell what runs to drain and end; nothing is started any more."""
        self._stopping.set()
        self.process.stop()
        if self._successor is not None:
            self._successor.stop()

    def _keep(self) -> None:
        pauses = Pauses()
        while not self._stopping.is_set():
            process = self.process
            if not process.ended.wait(_LOOK):
                self._end_if_hung(process)
                continue
            if self._stopping.is_set() or process is not self.process:
                continue
            pause = pauses.after(process.age)
            self._log_end(process, pause)
            self._stopping.wait(pause)
            self._start_again(process)

    def _end_if_hung(self, process: WorkerProcess) -> None:
        deadline = time.monotonic() + _PATIENCE
        while process.ask("report").wait(deadline - time.monotonic()) is None:
            if process.ended.is_set() or self._stopping.is_set():
                return
            if time.monotonic() > deadline:
                _log.error("worker_hangs", worker=self.worker, pid=process.pid, seconds=_PATIENCE)
                process.kill()
                return
            process.ended.wait(_RETRY)  # the question could not be put: its side of the pair is full

    def _log_end(self, process: WorkerProcess, pause: float) -> None:
        _log.error(
            "worker_ended",
            worker=self.worker,
            pid=process.pid,
            status=process.status,
            problem=process.problem,
            again_in_seconds=pause,
        )

    def _start_again(self, ended: WorkerProcess) -> None:
        with self._changing:
            if self.process is ended and not self._stopping.is_set():
                self._process = self._launch(self.worker, Claim.BESIDE)
                self._metrics.restarts.labels(str(self.worker), "ended").inc()
                if self._stopping.is_set():  # by now, and `stop` did not know of this one
                    self._process.stop()
