"""Starting what is measured: Redis with keys, sidecars, do-nothing servers, Envoy."""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import redis

from extauth.demo import binaries, probes
from extauth.demo.child import Service
from extauth.demo.ports import HOST
from extauth.demo.supervisor import Supervisor
from extauth.registry.client import Client
from tests.bench import settings
from tests.bench.envoy import Checked, document
from tests.bench.load.load import Load
from tests.bench.load.requests import checks
from tests.bench.messages import check_request
from tests.e2e.running import free_base

ROOT = Path(__file__).parents[2]
Changes = Mapping[str, Any]
_PATIENCE = 20.0  # seconds
_SETTLED = 2.0  # seconds without news, many times what a publisher waits between two looks


@dataclass(frozen=True, slots=True)
class Server:
    """Something that answers, and the process whose CPU time it costs."""

    address: str
    """unix:/path or host:port."""
    process: int


@dataclass(frozen=True, slots=True)
class Site:
    """A Redis that holds keys, a directory for what is started beside it, and the source tree that it runs."""

    supervisor: Supervisor
    directory: Path
    tree: Path
    redis: Server
    keys: tuple[str, ...]

    @property
    def redis_url(self) -> str:
        return f"unix://{self.redis.address.removeprefix('unix:')}"


def make_site(supervisor: Supervisor, directory: Path, tree: Path = ROOT, keys: int = 10) -> Site:
    """Start Redis; make keys with the tree's own registry, which publishes them and ends."""
    directory.mkdir(exist_ok=True)
    server = start_redis(supervisor, directory)
    site = Site(supervisor, directory, tree, server, ())
    return Site(supervisor, directory, tree, server, _make_keys(site, keys))


def start_redis(supervisor: Supervisor, directory: Path) -> Server:
    path = directory / "redis.sock"
    options = {"port": "0", "unixsocket": str(path), "save": "", "appendonly": "no", "dir": str(directory)}
    arguments = [argument for name, value in options.items() for argument in (f"--{name}", value)]
    command = (str(binaries.redis_server()), *arguments)
    return _start(supervisor, directory, "redis", command, f"unix:{path}", lambda: probes.redis_answers(path))


def sidecar_settings(site: Site, name: str, changes: Changes) -> tuple[Path, dict[str, Any]]:
    """Write extauth.yaml; `changes` replace top-level settings, but those of `listen` are added to what is there."""
    data = settings.sidecar(site.directory, site.redis_url, f"unix:{site.directory / name}.sock", _free_address())
    data = {**data, **changes, "listen": {**data["listen"], **changes.get("listen", {})}}
    return settings.write(site.directory / f"{name}.yaml", data), data


def start_sidecar(site: Site, name: str, changes: Changes, *, traceable: bool = False) -> Server:
    """`extauth serve` on a unix socket; `traceable` for a profiler that is not root."""
    path, data = sidecar_settings(site, name, changes)
    ready = f"http://{data['listen']['admin']}/readyz"
    command = extauth(site.tree, "serve", "-c", str(path))
    if traceable:
        command = (*python_of(site.tree), str(Path(__file__).with_name("traceable.py")), "serve", "-c", str(path))
    address = data["listen"]["grpc"][0]
    server = _start(site.supervisor, site.directory, name, command, address, lambda: _is_ok(ready))
    _check_keys(site, address)
    return server


def start_do_nothing(site: Site, name: str, transport: str) -> Server:
    path = site.directory / f"{name}.sock"
    command = (*python_of(ROOT), "-m", "tests.bench.do_nothing", transport, str(path))
    return _start(site.supervisor, site.directory, name, command, f"unix:{path}", path.exists)


def start_envoy(site: Site, checked: Sequence[Checked]) -> dict[str, Server]:
    """One Envoy with two workers and a listener for each way to check."""
    base = free_base(len(checked) + 1)
    admin, *listeners = [f"{HOST}:{base + number}" for number in range(len(checked) + 1)]
    path = settings.write(site.directory / "envoy.yaml", document(dict(zip(listeners, checked, strict=True)), admin))
    options = ("--disable-hot-restart", "--concurrency", "2", "--log-level", "warning")
    command = (str(binaries.envoy()), "-c", str(path), *options)
    server = _start(site.supervisor, site.directory, "envoy", command, admin, lambda: _is_ok(f"http://{admin}/ready"))
    return {one.name: Server(address, server.process) for one, address in zip(checked, listeners, strict=True)}


def extauth(tree: Path, *arguments: str) -> tuple[str, ...]:
    """The command line of the revision in a source tree."""
    return (*python_of(tree), "-m", "extauth", *arguments)


def python_of(tree: Path) -> tuple[str, ...]:
    """A Python that imports from a source tree, whatever is installed and wherever it runs."""
    return ("/usr/bin/env", f"PYTHONPATH={tree}", sys.executable, "-P")


def _start(
    supervisor: Supervisor, directory: Path, name: str, command: tuple[str, ...], address: str, is_ready: Any
) -> Server:
    service = Service(name=name, command=command, log=directory / f"{name}.log", is_ready=is_ready)
    supervisor.start(service)
    supervisor.wait_until_ready(service)
    return Server(address, supervisor[name].process_id)


def _make_keys(site: Site, count: int) -> tuple[str, ...]:
    base = free_base(2)
    http, grpc = (f"{HOST}:{base + number}" for number in (0, 1))
    data = settings.registry(site.directory, site.redis_url, http, grpc)
    path = settings.write(site.directory / "registry.yaml", data)
    with Supervisor() as supervisor:
        command = extauth(site.tree, "registry", "serve", "-c", str(path))
        _start(supervisor, site.directory, "registry", command, http, lambda: _is_ok(f"http://{http}/readyz"))
        client = Client(f"http://{http}", settings.TOKEN)
        made = [client.call("POST", "/v1/keys", _key(number))["secret"] for number in range(count)]
        _wait_for_records(site, count)
    return tuple(made)


def _key(number: int) -> dict[str, Any]:
    tenant = f"tenant-{number % 5}"
    return {"name": f"key {number}", "tenant": tenant, "scopes": ["read", "write"], "plan": "gold"}


def _wait_for_records(site: Site, count: int) -> None:
    """Until Redis has as many names as there are keys, and no more come: what they are called is the tree's affair."""
    deadline = time.monotonic() + _PATIENCE
    with redis.Redis(unix_socket_path=site.redis.address.removeprefix("unix:")) as client:
        found, since = 0, time.monotonic()
        while found < count or time.monotonic() - since < _SETTLED:
            assert time.monotonic() < deadline, "the keys did not reach Redis"
            time.sleep(0.05)
            if client.dbsize() != found:
                found, since = client.dbsize(), time.monotonic()


def _check_keys(site: Site, address: str) -> None:
    """Return when every key is let through, so that what is measured later is not how they are refused."""
    requests = checks(address, [check_request(key, settings.path_of("none")) for key in site.keys], timeout="5S")
    deadline = time.monotonic() + _PATIENCE
    with Load(requests, connections=1) as load:
        while (result := load.closed_loop(1, _PATIENCE, most=len(site.keys))).failed:
            assert time.monotonic() < deadline, f"{site.tree}: {+result.errors}"
            time.sleep(0.1)


def _free_address() -> str:
    return f"{HOST}:{free_base(1)}"


def _is_ok(url: str) -> bool:
    return probes.http_status(url) == HTTPStatus.OK
