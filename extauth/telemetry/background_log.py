"""Log lines written by a thread of their own: a reader of the log that has stopped reading must stall no check."""

import threading
from collections.abc import Mapping
from queue import SimpleQueue

from extauth.telemetry.logs import logger

_MOST_WAITING = 1000


class BackgroundLog:
    """`start`, then `write` from any thread, then `stop`."""

    def __init__(self, event: str, name: str) -> None:
        self._event = event
        self._log = logger(name)
        self._lines: SimpleQueue[Mapping[str, object] | None] = SimpleQueue()  # None ends the thread
        self._thread = threading.Thread(target=self._run, name="background-log", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def write(self, fields: Mapping[str, object]) -> bool:
        """Take a line, without waiting; False when too many wait to be written."""
        if self._lines.qsize() >= _MOST_WAITING:
            return False
        self._lines.put(fields)
        return True

    def stop(self, timeout: float) -> None:
        """Write what waits, if that is done within `timeout` seconds."""
        self._lines.put(None)
        self._thread.join(timeout)

    def _run(self) -> None:
        while (fields := self._lines.get()) is not None:
            self._log.info(self._event, **fields)
