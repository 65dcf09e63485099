"""A transport in a process of its own, whose memory and descriptors are nobody else's.

python -m tests.support.transport_process NAME ADDRESS [OPTION=VALUE ...]
"""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extauth.serving.grpc_environment import prepare_grpc
from tests.bench.processes import cpu_seconds, resident

_PATIENCE = 30  # seconds
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class TransportProcess:
    """One that runs."""

    target: str
    process: subprocess.Popen[bytes]

    @property
    def resident(self) -> int:
        """Bytes of memory."""
        return resident(self.process.pid)

    @property
    def descriptors(self) -> int:
        """Files and sockets that are open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    @property
    def cpu_seconds(self) -> float:
        return cpu_seconds([self.process.pid])

    def stop(self) -> int:
        """Ask it to stop; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_PATIENCE)


@contextmanager
def transport_process(name: str, address: str, **options: Any) -> Iterator[TransportProcess]:
    """Start one, and be sure that it has ended."""
    arguments = [name, address, *(f"{option}={value}" for option, value in options.items())]
    command = [sys.executable, "-m", "tests.support.transport_process", *arguments]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            (target,) = json.loads(process.stdout.readline())
            yield TransportProcess(target, process)
        finally:
            process.kill()


def main() -> None:
    """Serve until SIGTERM."""
    name, address, *settings = sys.argv[1:]
    prepare_grpc([address])
    # Here, and not above: these import grpc.
    from extauth.cli.stopping import stop_requested  # noqa: PLC0415
    from tests.support.transport_handler import CommandHandler  # noqa: PLC0415
    from tests.support.transports import make_transport  # noqa: PLC0415

    options = {option: json.loads(value) for option, _, value in (setting.partition("=") for setting in settings)}
    grace = options.pop("grace", 5)
    stopping = stop_requested()
    transport = make_transport(name, CommandHandler(), address, **options)
    sys.stdout.write(json.dumps(list(transport.start().values())) + "\n")
    sys.stdout.flush()
    stopping.wait()
    transport.drain()
    transport.stop(grace)


if __name__ == "__main__":
    main()
