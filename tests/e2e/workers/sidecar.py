"""A sidecar with workers: its processes, its sockets, and what it says of itself."""

import json
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import grpc
import yaml

from extauth.demo import binaries
from extauth.demo.directory import socket_directory
from extauth.demo.ports import HOST
from extauth.demo.settings_files import write_yaml
from extauth.policy.endpoints import endpoints
from extauth.serving.transport import CHECK_METHOD, CHECK_SERVICE
from tests.e2e.eventually import eventually
from tests.e2e.running import IssuedKey, Running, free_base
from tests.e2e.samples import Samples, scrape
from tests.support.check_messages import Answer, check_request

PATIENCE = 30.0  # seconds; a worker that comes anew waits for five before it listens


@dataclass
class WorkersSidecar:
    """`process` is the supervisor."""

    process: subprocess.Popen[bytes]
    settings_file: Path
    log: Path

    @cached_property
    def settings(self) -> dict[str, Any]:
        """As it was started with."""
        found: dict[str, Any] = yaml.safe_load(self.settings_file.read_text())
        return found

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where each worker is asked."""
        return endpoints(self.settings["listen"]["grpc"], self.settings["workers"])

    @property
    def fork_server(self) -> int:
        (child,) = children(self.process.pid)
        return child

    @property
    def workers(self) -> set[int]:
        """Process ids of those that run, in place or not."""
        return set(children(self.fork_server))

    @property
    def processes(self) -> set[int]:
        return {self.process.pid, self.fork_server, *self.workers}

    def check(self, key: IssuedKey | None, address: str, **request: Any) -> Answer:
        """What one worker says; grpc.RpcError when it says nothing."""
        headers = dict([key.header]) if key is not None else {}
        with grpc.insecure_channel(address) as channel:
            ask: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/{CHECK_SERVICE}/{CHECK_METHOD}")
            message = check_request(headers, host=HOST, **request)
            return Answer.parse(ask(message, timeout=PATIENCE, wait_for_ready=True))

    def statuses(self, key: IssuedKey | None, **request: Any) -> list[int]:
        """What each worker says."""
        return [self.check(key, address, **request).http_status for address in self.addresses]

    def readiness(self) -> tuple[int, Mapping[str, str]]:
        """Status and components."""
        try:
            with urllib.request.urlopen(f"{self._admin}/readyz", timeout=PATIENCE) as response:
                return response.status, json.load(response)["components"]
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, json.load(refused)["components"]
        except OSError:
            return 0, {}

    def metrics(self) -> Samples:
        return scrape(f"{self._admin}/metrics")

    def events(self, name: str) -> list[dict[str, Any]]:
        """Of its log."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == name]

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def restart_workers(self) -> None:
        """One by one, until all are others."""
        before, said = self.workers, len(self.events("restarted_one_by_one"))
        self.signal(signal.SIGUSR2)
        eventually(lambda: len(self.events("restarted_one_by_one")) > said, 30)
        assert not before & self.workers

    def rewrite(self, **changes: Any) -> None:
        """Change top-level sections of its settings' file."""
        settings = yaml.safe_load(self.settings_file.read_text())
        self.settings_file.write_text(yaml.safe_dump({**settings, **changes}))

    @property
    def _admin(self) -> str:
        return f"http://{self.settings['listen']['admin']}"


@contextmanager
def launched(
    stack: Running, directory: Path, listen: Mapping[str, Any] | None = None, **settings: Any
) -> Iterator[WorkersSidecar]:
    """Start a sidecar beside the one of a stack; `settings` are sections of its file."""
    with socket_directory(directory) as sockets:
        own = {"grpc": [f"unix:{sockets}/x.sock"], "admin": f"{HOST}:{free_base(1)}", **(listen or {})}
        base = yaml.safe_load(stack.layout.sidecar_settings.read_text())
        path, log = directory / "extauth.yaml", directory / "extauth.log"
        write_yaml(path, {**base, "workers": 2, **settings, "listen": own})
        with log.open("wb") as output:
            command = [str(binaries.extauth()), "serve", "-c", str(path)]
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield WorkersSidecar(process, path, log)
        finally:
            process.kill()  # which ends all of them
            process.wait()


@contextmanager
def running_workers(
    stack: Running, directory: Path, listen: Mapping[str, Any] | None = None, **settings: Any
) -> Iterator[WorkersSidecar]:
    """The same, and wait until it is ready."""
    with launched(stack, directory, listen, **settings) as sidecar:
        try:
            eventually(lambda: sidecar.readiness()[0] == 200 and bool(sidecar.events("serving")), 30)
        except AssertionError as error:
            raise AssertionError(sidecar.log.read_text()) from error
        yield sidecar


def children(process: int) -> list[int]:
    """Of its main thread."""
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def have_ended(processes: set[int]) -> bool:
    """Whether none of them runs; one that nobody has waited for has ended too."""
    return all(_state(process) in {"", "Z", "X"} for process in processes)


def _state(process: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    return ""


def threads(process: int) -> int:
    return len(list(Path(f"/proc/{process}/task").iterdir()))
