"""What can go wrong with a sidecar behind Envoy: a single process, or one of two workers."""

import os
import resource
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import redis

from extauth.demo import services
from extauth.demo.ports import HOST
from extauth.demo.settings_files import envoy_parameters, write_yaml
from extauth.envoy.bootstrap import bootstrap
from extauth.envoy.from_policy import envoy_for
from extauth.keys.token import generate
from extauth.policy.settings import SidecarSettings
from extauth.settings.model import load
from tests.e2e.running import IssuedKey, Running, free_base, running_stack
from tests.e2e.scenario import PLAIN
from tests.e2e.workers.sidecar import WorkersSidecar, running_workers
from tests.faults.check_watch import EnvoyWatch, Verdicts
from tests.faults.group import LASTS, Fault, Group
from tests.support.wait import wait_until

_LATER = 0.5  # seconds of watching after it is over
_SETTINGS = {
    "check": {"timeout": "1s"},  # what a busy machine does to a check is not to be seen here
    "cache": {"max_staleness": "1s", "negative": "1s"},
    "check_log": {"allowed": 1.0, "refused": 1.0},
}


@dataclass
class EnvoyScene:
    """Everything of a demo, and callers who ask the Envoy at `url`."""

    stack: Running
    url: str
    workers: WorkersSidecar | None
    known: Sequence[IssuedKey]
    revoked: Sequence[IssuedKey]

    @classmethod
    @contextmanager
    def begin(cls, folder: Path) -> "Iterator[EnvoyScene]":
        with running_stack(folder, _SETTINGS) as stack:
            yield cls._warm(stack, stack.url, None)

    @classmethod
    @contextmanager
    def begin_with_workers(cls, folder: Path) -> "Iterator[EnvoyScene]":
        own = folder / "workers"
        own.mkdir()
        with running_stack(folder) as stack, running_workers(stack, own, **_SETTINGS) as workers:
            yield cls._warm(stack, _start_envoy(stack, workers, own / "envoy.yaml"), workers)

    @classmethod
    def _warm(cls, stack: Running, url: str, workers: WorkersSidecar | None) -> "EnvoyScene":
        known, revoked = ([stack.issue() for _ in range(3)] for _ in range(2))
        for key in revoked:
            stack.client.call("POST", f"/v1/keys/{key.id}/revoke", {"reason": "of the test"})
        scene = cls(stack, url, workers, known, revoked)
        scene.expect_recovery()
        return scene

    def suffer(self, fault: Fault) -> Verdicts:
        keys = {
            "known": [key.secret for key in self.known],
            "unseen": [self.stack.issue().secret for _ in range(10)],
            "revoked": [key.secret for key in self.revoked],
            "made up": [str(generate("e2e")) for _ in range(50)],
        }
        with EnvoyWatch(self.url, {kind: (PLAIN, found) for kind, found in keys.items()}) as watch:
            with fault(self):
                time.sleep(LASTS)
            time.sleep(_LATER)
        return watch.told

    def expect_recovery(self) -> None:
        """Every kind of key is told what it should be, a new one too, and the sidecar shows its metrics."""
        fresh = self.stack.issue()
        with EnvoyWatch(self.url, {}) as watch:
            wait_until(lambda: {watch.ask(PLAIN, key.secret) for key in [*self.known, fresh]} == {"200"}, 30)
            wait_until(lambda: {watch.ask(PLAIN, key.secret) for key in self.revoked} == {"401"}, 30)
        assert self.stack.metrics().total("extauth_checks_total") >= 0
        self.stack.supervisor.check()

    @property
    def process(self) -> int:
        return self.stack.supervisor["sidecar"].process_id


@contextmanager
def killed(scene: EnvoyScene) -> Iterator[None]:
    scene.stack.supervisor["sidecar"].kill()
    yield
    service = services.sidecar(scene.stack.layout)
    scene.stack.supervisor.start(service)
    scene.stack.supervisor.wait_until_ready(service)


@contextmanager
def stopped(scene: EnvoyScene) -> Iterator[None]:
    os.kill(scene.process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(scene.process, signal.SIGCONT)


@contextmanager
def no_more_files(scene: EnvoyScene) -> Iterator[None]:
    """It can open nothing: Redis hangs up and cannot be reached again, and somebody knocks at its ports in vain."""
    with _limited(scene.process, resource.RLIMIT_NOFILE, 1):
        with redis.Redis(unix_socket_path=str(scene.stack.layout.redis_socket)) as client:
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        with socket.create_connection((HOST, scene.stack.layout.ports.sidecar_admin), timeout=5):
            yield


@contextmanager
def log_full(scene: EnvoyScene) -> Iterator[None]:
    """No line can be written, and each check would have one."""
    with _limited(scene.process, resource.RLIMIT_FSIZE, 1):
        yield


@contextmanager
def workers_killed(scene: EnvoyScene) -> Iterator[None]:
    """One of them, four times, as soon as both are there."""
    for _ in range(4):
        _wait_for_both(scene)
        assert scene.workers is not None
        os.kill(min(scene.workers.workers), signal.SIGKILL)
    yield
    _wait_for_both(scene)


def _wait_for_both(scene: EnvoyScene) -> None:
    workers = scene.workers
    assert workers is not None
    wait_until(lambda: workers.readiness() == (200, {"worker 0": "ok", "worker 1": "ok"}), 30)


@contextmanager
def _limited(process: int, limit: int, soft: int) -> Iterator[None]:
    before, most = resource.prlimit(process, limit)
    resource.prlimit(process, limit, (soft, most))
    try:
        yield
    finally:
        resource.prlimit(process, limit, (before, most))


def _start_envoy(stack: Running, workers: WorkersSidecar, path: Path) -> str:
    """As `extauth envoy config` writes it, but patient: what is slow on a busy machine is not lost. Its URL."""
    base = free_base(2)
    listen, admin = f"{HOST}:{base}", f"{HOST}:{base + 1}"
    settings = load(SidecarSettings, workers.settings_file)
    upstream = envoy_parameters(stack.layout).upstream
    parameters = envoy_for(settings, listen=listen, admin=admin, upstream=upstream)
    write_yaml(path, bootstrap(replace(parameters, check_timeout=5)))
    service = services.envoy("envoy-of-workers", path, path.with_suffix(".log"), f"http://{admin}")
    stack.supervisor.start(service)
    stack.supervisor.wait_until_ready(service)
    return f"http://{listen}"


SIDECAR = Group(
    title="Faults of the sidecar",
    part="The sidecar is or does",
    text="""
One process behind Envoy, as `extauth envoy config` sets it up: it fails closed, with 503 (`status_on_error`). What is
told here is told by Envoy. Every check has a line in the log.
""",
    begin=EnvoyScene.begin,
    faults={
        "killed (SIGKILL), started again": killed,
        "stopped (SIGSTOP)": stopped,
        "out of file descriptors, Redis hangs up": no_more_files,
        "cannot write its log (disk full)": log_full,
    },
    allowed={
        "known": {"200", "503"},
        "unseen": {"200", "503"},
        "revoked": {"401", "503"},
        "made up": {"401", "503"},
    },
    exceptions={
        "out of file descriptors, Redis hangs up": {"known": {"200"}},
        "cannot write its log (disk full)": {
            "known": {"200"},
            "unseen": {"200"},
            "revoked": {"401"},
            "made up": {"401"},
        },
    },
)

WORKERS = Group(
    title="Faults of a worker",
    part="Of two workers",
    text="""
A sidecar with `workers: 2` behind Envoy, which asks another worker when one does not answer.
""",
    begin=EnvoyScene.begin_with_workers,
    faults={"one is killed (SIGKILL), four times": workers_killed},
    allowed={"known": {"200"}, "unseen": {"200"}, "revoked": {"401"}, "made up": {"401"}},
)
