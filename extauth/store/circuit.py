"""Whether Redis is taken to be away. Once it is, a thread of its own finds out when it is back, so that no check has
to wait for that.
"""

import threading
from collections.abc import Callable

from extauth.store.errors import CLIENT_ERRORS

_REST = 0.25  # seconds before Redis is asked again whether it is back


class Circuit:
    """`probe` asks Redis for anything, and raises one of CLIENT_ERRORS when it does not answer in good time."""

    def __init__(self, probe: Callable[[], object]) -> None:
        self.is_open = False
        """True while nothing is to be asked of Redis."""
        self._probe = probe
        self._doubted = threading.Event()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="redis-probe", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float) -> None:
        self._stopping.set()
        self._doubted.set()
        self._thread.join(timeout)

    def open(self) -> None:
        """Redis has failed: leave it alone until it answers the probe."""
        with self._lock:
            self.is_open = True
            self._doubted.set()

    def doubt(self) -> None:
        """Something else got no answer from Redis: find out whether anybody would."""
        self._doubted.set()

    def _run(self) -> None:
        while self._doubted.wait() and not self._stopping.is_set():
            if not (self.is_open and self._stopping.wait(_REST)):
                self._find_out()

    def _find_out(self) -> None:
        self._doubted.clear()
        try:
            self._probe()
        except CLIENT_ERRORS:
            self.open()
        else:
            with self._lock:
                # What failed while the probe was under way may have failed after it.
                self.is_open = self.is_open and self._doubted.is_set()
