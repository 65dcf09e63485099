"""What runs: Redis, a registry, two sidecars on unix sockets, and an Envoy that asks both."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml

from extauth.demo import binaries, probes, services
from extauth.demo.child import Service
from extauth.demo.directory import socket_directory
from extauth.demo.layout import Layout
from extauth.demo.ports import COUNT, HOST, Ports
from extauth.demo.scenario import Scenario
from extauth.demo.settings_files import envoy_parameters, write_settings, write_yaml
from extauth.demo.supervisor import Supervisor
from extauth.envoy.bootstrap import bootstrap
from extauth.registry.client import Client
from tests.e2e.running import free_base
from tests.linearizability.churn import READ

EXACT_RATE, LEASED_RATE = 10, 40
"""Requests a second that a key may make on `/tight-exact` and `/tight-leased`."""
NEAR_CACHE = 500
"""Keys: fewer than are made in ten minutes, so that memory which follows from them is soon all there."""
_SIDECARS = ("sidecar 1", "sidecar 2")
_CREDENTIALS = [{"header": "x-api-key"}]
_ENOUGH = 100_000
_PATIENCE = 120.0  # seconds: other work may go on beside it


def _api(name: str, limit: Mapping[str, Any] | None = None, **more: object) -> dict[str, Any]:
    limits = [] if limit is None else [{"name": name, **limit}]
    return {"name": name, "match": {"paths": [f"/{name}"]}, "credentials": _CREDENTIALS, "limits": limits, **more}


_POLICY = Scenario(
    key_prefix="soak",
    key_header="x-api-key",
    tenant="soak",
    trials=(),
    apis=(
        _api("tight-exact", {"by": "key", "rate": f"{EXACT_RATE}/s", "mode": "exact"}),
        _api("tight-leased", {"by": "key", "rate": f"{LEASED_RATE}/s", "mode": "leased"}),
        _api("exact", {"by": "key", "rate": f"{_ENOUGH}/s", "mode": "exact"}),
        _api("leased", {"by": "tenant", "rate": f"{_ENOUGH}/s", "mode": "leased"}),
        _api("scoped", scopes=[READ]),
        _api("plain"),
    ),
)


@dataclass(frozen=True, slots=True)
class Site:
    """All of it, ready."""

    supervisor: Supervisor
    registry: Client
    envoy: str
    """host:port."""
    sidecar_pages: Sequence[str]
    """URLs of their metrics."""

    def processes(self) -> dict[str, int]:
        """What is watched, with its process id."""
        return {name: self.supervisor[name].process_id for name in (*_SIDECARS, "registry", "redis", "envoy")}


@contextmanager
def running_site(directory: Path) -> Iterator[Site]:
    with socket_directory(directory) as sockets, Supervisor() as supervisor:
        base = free_base(COUNT + 1)
        layout = Layout(directory, sockets, Ports.from_base(base))
        write_settings(layout, _POLICY)
        admins = (f"{HOST}:{layout.ports.sidecar_admin}", f"{HOST}:{base + COUNT}")
        sidecars = [_sidecar(layout, *one) for one in zip(_SIDECARS, admins, strict=True)]
        write_yaml(layout.envoy_settings, _envoy(layout, [address for address, _ in sidecars]))
        redis = services.redis(layout)
        others = (services.registry(layout), *(service for _, service in sidecars), services.demo_envoy(layout))
        supervisor.start(redis)
        supervisor.wait_until_ready(redis)
        for service in others:
            supervisor.start(service)
        for service in others:
            supervisor.wait_until_ready(service, _PATIENCE)
        client = Client(layout.registry_url, layout.admin_token.read_text().strip())
        pages = [f"http://{admin}/metrics" for admin in admins]
        yield Site(supervisor, client, f"{HOST}:{layout.ports.envoy}", pages)


def _sidecar(layout: Layout, name: str, admin: str) -> tuple[str, Service]:
    """Its address for Envoy, and itself."""
    address = f"unix:{layout.sockets / name.replace(' ', '-')}.sock"
    settings = yaml.safe_load(layout.sidecar_settings.read_text())
    path = layout.directory / f"{name}.yaml"
    write_yaml(path, {**settings, "listen": {"grpc": [address], "admin": admin}, "cache": {"size": NEAR_CACHE}})
    service = Service(
        name=name,
        command=(str(binaries.extauth()), "serve", "-c", str(path)),
        log=layout.log(name),
        is_ready=lambda: probes.http_status(f"http://{admin}/readyz") == HTTPStatus.OK,
    )
    return address, service


def _envoy(layout: Layout, sidecars: Sequence[str]) -> dict[str, Any]:
    """Its routes answer by themselves: there is no upstream to watch."""
    made = bootstrap(replace(envoy_parameters(layout), sidecars=tuple(sidecars)))
    (listener,) = made["static_resources"]["listeners"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    for route in manager["route_config"]["virtual_hosts"][0]["routes"]:
        del route["route"]
        route["direct_response"] = {"status": 200, "body": {"inline_string": "ok\n"}}
    return made
