"""Starts services in order, notices when one dies, stops all in reverse order."""

import time
from types import TracebackType
from typing import Self

from extauth.demo.child import Child, Service
from extauth.demo.errors import DemoError

_STOP_PATIENCE = 5.0  # seconds until SIGKILL
_START_PATIENCE = 30.0  # seconds until a service that does not answer is given up
_POLL = 0.05  # seconds
_LOG_LINES = 20


class Supervisor:
    """A context: what it started is stopped at its end."""

    def __init__(self) -> None:
        self._children: dict[str, Child] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __getitem__(self, name: str) -> Child:
        return self._children[name]

    def start(self, service: Service) -> None:
        """Start it and go on; a service started before under this name must have ended."""
        self._children.pop(service.name, None)
        self._children[service.name] = Child(service)

    def wait_until_ready(self, service: Service, patience: float = _START_PATIENCE) -> None:
        """Return when it answers; DemoError when it does not, or any child dies."""
        deadline = time.monotonic() + patience
        while not _answers(service):
            self.check()
            if time.monotonic() > deadline:
                raise DemoError(f"{service.name} does not answer after {patience:g} s; {self._log_of(service.name)}")
            time.sleep(_POLL)

    def check(self) -> None:
        """DemoError when a child died."""
        for name, child in self._children.items():
            if child.ending is not None:
                raise DemoError(f"{name} died ({child.ending}); {self._log_of(name)}")

    def watch(self) -> None:
        """Wait until a child dies."""
        while True:
            self.check()
            time.sleep(_POLL)

    def stop(self) -> None:
        """The last one started goes first."""
        while self._children:
            _, child = self._children.popitem()
            child.stop(_STOP_PATIENCE)

    def _log_of(self, name: str) -> str:
        child = self._children[name]
        return f"the end of {child.service.log}:\n{child.log_tail(_LOG_LINES)}"


def _answers(service: Service) -> bool:
    try:
        return service.is_ready()
    except OSError:
        return False
