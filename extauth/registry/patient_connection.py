"""A connection to PostgreSQL that gives a silent server up.

The server keeps its own deadlines, and TCP notices a machine that is gone. Neither helps when the server's process is
stopped, or a proxy or pooler in front of it takes everything and answers nothing: only this side can know the time.
"""

import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

_INTERVAL = 0.1  # seconds between looks at the clock
_GRACE = 1.0  # seconds more than the server has: its own word tells more
T = TypeVar("T")


class PatientConnection(psycopg.Connection[Any]):
    """Closes itself when an answer takes longer than `patience`; OperationalError."""

    patience: float | None = None
    """Seconds that the server has; None: as long as it takes."""

    def wait(self, gen: PQGen[T], interval: float = _INTERVAL, timeout: float | None = None) -> T:
        """As in the base class, which knows `timeout` only in later versions."""
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        if self.patience is None:
            return super().wait(gen, interval)
        return super().wait(self._bounded(gen, time.monotonic() + self.patience + _GRACE), interval)

    def _bounded(self, gen: PQGen[T], deadline: float) -> Generator[Any, Any, T]:
        """The same steps; `wait` takes one at least each interval, whether anything came or not."""
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() > deadline:
                    self.pgconn.finish()  # what may still come is nobody's answer
                    raise psycopg.OperationalError("the server is silent")
                wanted = gen.send(ready)
        except StopIteration as done:
            result: T = done.value
            return result
