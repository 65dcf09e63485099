"""One server of the demo, as a child process."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A server that can be started. `is_ready` may raise OSError while it is not."""

    name: str
    command: tuple[str, ...]
    log: Path
    is_ready: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """More than the demo's own; it may hold secrets."""


class Child:
    """A running service. It dies with the thread that made it, so that must be the main thread."""

    def __init__(self, service: Service) -> None:
        self.service = service
        bound = (sys.executable, "-P", "-m", "extauth.demo.bound_to_parent", str(os.getpid()))
        service.log.parent.mkdir(exist_ok=True)
        with service.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 (the command is the demo's own)
                (*bound, *service.command),
                env={**os.environ, **service.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,  # Ctrl-C at the terminal reaches the demo alone, which then stops all in order
            )

    @property
    def process_id(self) -> int:
        return self._process.pid

    @property
    def ending(self) -> str | None:
        """How it ended, for a person; None while it runs."""
        status = self._process.poll()
        if status is None:
            return None
        return f"exit status {status}" if status >= 0 else f"killed by {signal.Signals(-status).name}"

    def log_tail(self, lines: int) -> str:
        text = self.service.log.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def kill(self) -> None:
        """End it and what it started, at once."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def stop(self, patience: float) -> None:
        """SIGTERM, and SIGKILL after `patience` seconds."""
        if self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()
