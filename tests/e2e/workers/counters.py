"""Counters that are watched for going back."""

import threading
from types import TracebackType
from typing import Self

from tests.e2e.workers.sidecar import WorkersSidecar

_GROWING = ("_total", "_count", "_sum", "_bucket")


class Counters:
    """A context in which all counters of a sidecar are read again and again; at its end `went_back` is complete."""

    def __init__(self, sidecar: WorkersSidecar) -> None:
        self.went_back: list[str] = []
        self.reads = 0
        self._sidecar = sidecar
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join()
        assert self.reads > 2

    def _run(self) -> None:
        known = self._sidecar.metrics().values
        while not self._ending.is_set():
            now = self._sidecar.metrics().values
            self.went_back += [
                f"{name}{dict(labels)}: {value} became {now.get((name, labels))}"
                for (name, labels), value in known.items()
                if name.startswith("extauth_") and name.endswith(_GROWING) and now.get((name, labels), -1) < value
            ]
            known = now
            self.reads += 1
