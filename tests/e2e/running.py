"""A running stack, as tests use it."""

import os
import random
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from extauth.demo import binaries, services
from extauth.demo.directory import socket_directory
from extauth.demo.layout import Layout
from extauth.demo.ports import COUNT, HOST, Ports, is_free
from extauth.demo.settings_files import envoy_parameters, write_settings, write_yaml
from extauth.demo.stack import start_stack
from extauth.demo.supervisor import Supervisor
from extauth.envoy.bootstrap import bootstrap
from extauth.envoy.parameters import RouteParameters
from extauth.registry.client import Client
from extauth.settings.redis import RedisSettings
from extauth.store.client import connect
from extauth.store.names import Names
from extauth.store.publication import State, read_state
from tests.e2e.eventually import eventually
from tests.e2e.samples import Samples, scrape
from tests.e2e.scenario import CONTEXT, E2E, UNCHECKED

_ROUTES = (
    RouteParameters(prefix=UNCHECKED, checked=False),
    RouteParameters(prefix=CONTEXT, context={"tier": "gold"}),
    RouteParameters(),
)


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """What a test knows of a key."""

    tenant: str
    id: str
    secret: str

    @property
    def header(self) -> tuple[str, str]:
        return "x-api-key", self.secret


@dataclass(frozen=True, slots=True)
class Running:
    """Everything of a demo, on ports of its own."""

    layout: Layout
    supervisor: Supervisor
    client: Client

    @property
    def url(self) -> str:
        return self.layout.envoy_url

    def issue(self, tenant: str = "", **fields: Any) -> IssuedKey:
        """A new key, of a new tenant unless one is named, which Redis knows when this returns."""
        body = {"name": "of a test", "tenant": tenant or f"t-{uuid.uuid4().hex[:12]}", **fields}
        made = self.client.call("POST", "/v1/keys", body)
        self.wait_until_published()
        return IssuedKey(made["tenant"], made["id"], made["secret"])

    def wait_until_published(self) -> None:
        """Until Redis has what the registry has now."""
        newest = max(key["revision"] for key in self.client.call("GET", "/v1/keys", query={"limit": 500})["items"])
        settings = RedisSettings(url=self.layout.redis_url)
        with connect(settings, timeout=2) as client:
            names = Names(settings.namespace)
            eventually(lambda: is_published(read_state(client, names), newest), 10)

    def keys(self, *arguments: str) -> str:
        """`extauth keys ...`, as a person runs it; what it printed."""
        token = self.layout.admin_token.read_text().strip()
        environment = {**os.environ, "REGISTRY_URL": self.layout.registry_url, "REGISTRY_TOKEN": token}
        command = [str(binaries.extauth()), "keys", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def metrics(self) -> Samples:
        """The sidecar's."""
        return scrape(f"{self.layout.sidecar_admin_url}/metrics")


@contextmanager
def running_stack(
    directory: Path,
    sidecar: Mapping[str, Any] | None = None,
    listen: Mapping[str, Any] | None = None,
    *,
    registry: Mapping[str, Any] | None = None,
    envoy: Mapping[str, Any] | None = None,
) -> Iterator[Running]:
    """Start everything on free ports; `sidecar` are more settings for extauth.yaml, `listen` more for its `listen`.

    `registry` are more settings for registry.yaml, `envoy` other parameters of Envoy's configuration.
    """
    with socket_directory(directory) as sockets, Supervisor() as supervisor:
        layout = Layout(directory, sockets, Ports.from_base(free_base(COUNT)))
        write_settings(layout, E2E)
        own_listen = yaml.safe_load(layout.sidecar_settings.read_text())["listen"]
        _add_settings(layout.sidecar_settings, {**(sidecar or {}), "listen": {**own_listen, **(listen or {})}})
        _add_settings(layout.registry_settings, {"publish": {"poll_interval": "20ms"}, **(registry or {})})
        write_yaml(layout.envoy_settings, bootstrap(replace(envoy_parameters(layout), routes=_ROUTES, **(envoy or {}))))
        start_stack(layout, supervisor, lambda _service: None)
        yield Running(layout, supervisor, Client(layout.registry_url, layout.admin_token.read_text().strip()))


def start_joining_envoy(stack: Running) -> str:
    """A second Envoy in front of the sidecar, which joins repeated headers before it asks; its URL."""
    base = free_base(2)
    listen, admin = f"{HOST}:{base}", f"{HOST}:{base + 1}"
    parameters = replace(envoy_parameters(stack.layout), listen=listen, admin=admin, encode_raw_headers=False)
    settings = stack.layout.directory / "envoy-joining.yaml"
    write_yaml(settings, bootstrap(parameters))
    envoy = services.envoy("envoy-joining", settings, stack.layout.log("envoy-joining"), f"http://{admin}")
    stack.supervisor.start(envoy)
    stack.supervisor.wait_until_ready(envoy)
    return f"http://{listen}"


def _add_settings(path: Path, more: Mapping[str, Any]) -> None:
    write_yaml(path, {**yaml.safe_load(path.read_text()), **more})


def is_published(state: State | None, revision: int) -> bool:
    return state is not None and state.complete and state.revision >= revision


def free_base(count: int) -> int:
    """The first of some ports in a row, below those that the system hands out by itself."""
    bases = range(20000, 32000, 10)
    return next(
        base for base in random.sample(bases, len(bases)) if all(is_free(port) for port in range(base, base + count))
    )
