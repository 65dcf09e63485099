"""The real parts: a registry, Redis, and sidecars that each reach it through a proxy. The main thread starts them."""

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml

from extauth.demo import binaries, probes
from extauth.demo.child import Service
from extauth.demo.ports import HOST
from extauth.demo.supervisor import Supervisor
from extauth.policy.endpoints import endpoints
from extauth.registry.client import Client
from tests.e2e.running import free_base
from tests.faults.fault_proxy import FaultProxy
from tests.linearizability.churn import READ
from tests.support.redis_server import PACKAGES, RedisServer

MAX_STALE = 10.0
"""Seconds: `cache.max_stale` of the sidecars."""
WORKERS = {"east": 1, "west": 1, "north": 2}
"""The sidecars, with their processes."""
PLAIN, SCOPED = "/plain", "/scoped"
_TOKEN = "the-admin-token-of-the-tests"
PATIENCE = 120.0
"""Seconds for a server to be ready: other work may go on beside it."""
_APIS = [
    {"name": "scoped", "match": {"paths": [SCOPED]}, "credentials": [{"header": "x-api-key"}], "scopes": [READ]},
    {"name": "plain", "credentials": [{"header": "x-api-key"}]},
]


@dataclass
class Sidecar:
    """One `extauth serve`."""

    service: Service
    proxy: FaultProxy
    targets: Sequence[str]
    """One for each of its processes."""
    run: int = 0
    """How often it has been started anew: what an earlier run knew is forgotten."""
    places: Sequence[str] = field(init=False)

    def __post_init__(self) -> None:
        self.places = [f"{self.service.name}/{number}" for number in range(len(self.targets))]


@dataclass(frozen=True, slots=True)
class Scene:
    """All of it, ready."""

    folder: Path
    supervisor: Supervisor
    redis: RedisServer
    registry: Service
    client: Client
    sidecars: Sequence[Sidecar]
    keeps: bool
    """Whether Redis keeps what it has been told: an append-only file."""

    def signal(self, name: str, number: int) -> None:
        """Of a registry or sidecar, with all its processes."""
        os.killpg(self.supervisor[name].process_id, number)

    def restart(self, service: Service) -> None:
        """After kill -9; it is not waited for."""
        self.supervisor[service.name].kill()
        self.supervisor.start(service)

    def empty_redis(self) -> None:
        """What it would find at its next start."""
        (self.folder / "dump.rdb").unlink(missing_ok=True)


@contextmanager
def scene(folder: Path, database: str, *, keeps: bool) -> Iterator[Scene]:
    arguments = ("--appendonly", "yes") if keeps else ()
    redis = RedisServer(next(iter(PACKAGES)), folder, *arguments)
    for name, secret in (("token", _TOKEN), ("pepper", "a pepper of 32 bytes or even more")):
        (folder / name).write_text(secret)
    with ExitStack() as stack:
        redis.start()
        stack.callback(redis.kill)
        supervisor = stack.enter_context(Supervisor())
        stack.callback(_wake, supervisor)
        base = free_base(1 + len(WORKERS))
        url, settings = f"http://{HOST}:{base}", _registry(folder, database, redis, base)
        registry = _service(folder, "registry", ("registry", "serve"), settings, url)
        sidecars = [_sidecar(folder, name, redis, base + 1 + number) for number, name in enumerate(WORKERS)]
        for sidecar in sidecars:
            stack.callback(sidecar.proxy.stop)
        services = [registry, *(sidecar.service for sidecar in sidecars)]
        for service in services:
            supervisor.start(service)
        for service in services:
            supervisor.wait_until_ready(service, PATIENCE)
        yield Scene(folder, supervisor, redis, registry, Client(url, _TOKEN), sidecars, keeps)


def _registry(folder: Path, database: str, redis: RedisServer, port: int) -> Mapping[str, Any]:
    return {
        "database": database,
        "listen": {"http": f"{HOST}:{port}", "grpc": None},
        "admin_token": {"file": str(folder / "token")},
        "keys": _keys(folder),
        "redis": {"url": redis.url},
        "publish": {"reconcile_interval": "3s"},
    }


def _sidecar(folder: Path, name: str, redis: RedisServer, port: int) -> Sidecar:
    proxy, address, admin = FaultProxy(redis.socket), f"unix:{folder}/{name}.sock", f"{HOST}:{port}"
    proxy.start()
    settings = {
        "listen": {"grpc": [address], "admin": admin, "transport": "lean"},
        "workers": WORKERS[name],
        "redis": {"url": f"redis://{HOST}:{proxy.port}/0"},
        "check": {"timeout": "1s"},  # what a busy machine does to a check is not to be seen here
        "cache": {"max_staleness": "1s", "negative": "1s", "max_stale": f"{MAX_STALE:g}s"},
        "keys": _keys(folder),
        "apis": _APIS,
    }
    service = _service(folder, name, ("serve",), settings, f"http://{admin}")
    return Sidecar(service, proxy, endpoints([address], WORKERS[name]))


def _keys(folder: Path) -> Mapping[str, Any]:
    return {"peppers": [{"id": "p1", "file": str(folder / "pepper")}]}


def _service(folder: Path, name: str, command: Sequence[str], settings: Mapping[str, Any], url: str) -> Service:
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(dict(settings)))
    return Service(
        name=name,
        command=(str(binaries.extauth()), *command, "-c", str(path)),
        log=folder / f"{name}.log",
        is_ready=lambda: probes.http_status(f"{url}/readyz") == HTTPStatus.OK,
    )


def _wake(supervisor: Supervisor) -> None:
    """What was stopped could not end."""
    for child in supervisor._children.values():
        if child.ending is None:
            os.killpg(child.process_id, signal.SIGCONT)
