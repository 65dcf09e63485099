"""What leases and replicas need every now and then, on a thread that never waits for Redis itself."""

import threading
import time
from collections.abc import Callable

from extauth.store import replicas as _replicas
from extauth.store.leases import Leases
from extauth.store.replicas import Replicas

_PACE = 0.1  # seconds; tokens whose time is over wait so long to be given back


class Upkeep:
    """`start`, then `stop` while the Redis thread still runs: it carries what is given back at the end."""

    def __init__(self, leases: Leases, replicas: Replicas, clock: Callable[[], float] = time.monotonic) -> None:
        self._leases = leases
        self._replicas = replicas
        self._clock = clock
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bucket-upkeep", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Give all leases back, and leave the replicas."""
        self._stopping.set()
        self._thread.join(timeout)
        self._leases.close()
        self._replicas.leave()

    def _run(self) -> None:
        beat_at = self._clock()
        while True:
            if self._clock() >= beat_at:
                self._replicas.beat()
                beat_at += _replicas.PACE
            if self._stopping.wait(_PACE):
                return
            self._leases.sweep()
