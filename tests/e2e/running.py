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
from extauth.store.publication import PublicationStore
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
    """Everything of a demo, and a second Envoy that joins repeated headers before it asks."""

    layout: Layout
    supervisor: Supervisor
    joined_url: str
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
        store = PublicationStore(connect(settings, timeout=2), Names(settings.namespace))
        try:
            eventually(lambda: (state := store.state()) is not None and state.revision >= newest, 10)
        finally:
            store.close()

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
def running_stack(directory: Path, sidecar: Mapping[str, Any] | None = None) -> Iterator[Running]:
    """Start everything on free ports; `sidecar` are more settings for extauth.yaml."""
    base = free_base(COUNT + 2)
    with socket_directory(directory) as sockets, Supervisor() as supervisor:
        layout = Layout(directory, sockets, Ports.from_base(base))
        write_settings(layout, E2E)
        settings = yaml.safe_load(layout.sidecar_settings.read_text())
        write_yaml(layout.sidecar_settings, {**settings, **(sidecar or {})})
        parameters = replace(envoy_parameters(layout), routes=_ROUTES)
        write_yaml(layout.envoy_settings, bootstrap(parameters))
        start_stack(layout, supervisor, lambda _service: None)
        listen, admin = (f"{HOST}:{base + COUNT + offset}" for offset in range(2))
        joining = directory / "envoy-joining.yaml"
        write_yaml(joining, bootstrap(replace(parameters, listen=listen, admin=admin, encode_raw_headers=False)))
        envoy = services.envoy("envoy-joining", joining, layout.log("envoy-joining"), f"http://{admin}")
        supervisor.start(envoy)
        supervisor.wait_until_ready(envoy)
        client = Client(layout.registry_url, layout.admin_token.read_text().strip())
        yield Running(layout, supervisor, f"http://{listen}", client)


def free_base(count: int) -> int:
    """The first of some ports in a row, below those that the system hands out by itself."""
    bases = range(20000, 32000, 10)
    return next(
        base for base in random.sample(bases, len(bases)) if all(is_free(port) for port in range(base, base + count))
    )
