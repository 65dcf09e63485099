"""Log lines written by a thread of their own: a reader of the log that has stopped reading must stall nothing."""

import logging
import threading
from collections.abc import Callable, Mapping
from queue import SimpleQueue

from extauth.telemetry.logs import logger

_MOST_WAITING = 1000
_PATIENCE = 1.0  # seconds, for the last lines of a process that ends without `stop`

_log = logger(__name__)


class BackgroundLog:
    """`start`, then `stop`: meanwhile nobody in the process waits for a line of its log, and at most 1,000 wait to be
    written. What is more is left out, and counted in a line of its own. A forked process writes its lines itself.
    """

    def __init__(self) -> None:
        self._lines: SimpleQueue[logging.LogRecord | Callable[[], None] | None] = SimpleQueue()  # None ends the thread
        self._thread = threading.Thread(target=self._run, name="background-log", daemon=True)
        self._handler = _Handler(self._take, self._flush)
        self._writers: list[logging.Handler] = []
        self._dropped = 0
        self._lock = threading.Lock()

    def start(self) -> None:
        root = logging.getLogger()
        self._writers = root.handlers[:]
        root.handlers[:] = [self._handler]
        self._thread.start()

    def lines(self, event: str, name: str) -> Callable[[Mapping[str, object]], bool]:
        """A function for lines that many are written of: only its fields are handed over, and the rest is made by the
        thread. It returns False when too many lines wait.
        """
        log = logger(name)
        return lambda fields: self._put(lambda: log.info(event, **fields))

    def stop(self, timeout: float) -> None:
        """Write what waits, if that is done within `timeout` seconds. What comes later is written at once; by nobody,
        while the last line is still being written.
        """
        self._lines.put(None)
        self._thread.join(timeout)
        if not self._thread.is_alive():
            logging.getLogger().handlers[:] = self._writers

    def _flush(self) -> None:
        written = threading.Event()
        self._lines.put(written.set)
        written.wait(_PATIENCE if self._thread.is_alive() else 0)

    def _take(self, record: logging.LogRecord) -> None:
        if threading.current_thread() is self._thread or not self._thread.is_alive():
            self._write(record)
        elif not self._put(record):
            with self._lock:
                self._dropped += 1

    def _put(self, line: logging.LogRecord | Callable[[], None]) -> bool:
        if self._lines.qsize() >= _MOST_WAITING:
            return False
        self._lines.put(line)
        return True

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            if isinstance(line, logging.LogRecord):
                self._write(line)
            else:
                line()
            if self._dropped:
                with self._lock:
                    dropped, self._dropped = self._dropped, 0
                _log.warning("log_lines_dropped", lines=dropped)

    def _write(self, record: logging.LogRecord) -> None:
        # `handle` locks, and when a process ends `logging` waits for each handler's lock.
        is_alone = threading.current_thread() is self._thread
        for writer in self._writers:
            if record.levelno >= writer.level:
                (writer.emit if is_alone else writer.handle)(record)


class _Handler(logging.Handler):
    """Hands lines over, without the lock that handlers have: the thread would hold it while it writes."""

    def __init__(self, take: Callable[[logging.LogRecord], None], flush: Callable[[], None]) -> None:
        super().__init__()
        self._take = take
        self._flush = flush

    def handle(self, record: logging.LogRecord) -> bool:
        self._take(record)
        return True

    def flush(self) -> None:
        """Wait for what is being written, but not for long: `logging.shutdown` does so when a process ends."""
        self._flush()
