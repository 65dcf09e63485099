"""The settings of registry, sidecar and Envoy, as files that a reader may learn from."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from extauth.demo.layout import Layout
from extauth.demo.ports import HOST
from extauth.demo.private_file import write_private
from extauth.demo.scenario import Scenario
from extauth.envoy.bootstrap import bootstrap
from extauth.envoy.from_policy import envoy_for
from extauth.envoy.parameters import EnvoyParameters
from extauth.policy.settings import SidecarSettings
from extauth.settings.model import load

_SECRET_BYTES = 32
_NOTE = "# Written by `extauth demo`, anew at each start.\n"


def write_settings(layout: Layout, scenario: Scenario) -> None:
    """Make new secrets and write all files."""
    for path in (layout.pepper, layout.admin_token):
        write_private(path, secrets.token_urlsafe(_SECRET_BYTES) + "\n")
    write_yaml(layout.registry_settings, _registry(layout, scenario))
    write_yaml(layout.sidecar_settings, _sidecar(layout, scenario))
    write_yaml(layout.envoy_settings, bootstrap(envoy_parameters(layout)))


def envoy_parameters(layout: Layout) -> EnvoyParameters:
    """The demo's Envoy, from the sidecar's settings as they stand in their file."""
    return envoy_for(
        load(SidecarSettings, layout.sidecar_settings),
        listen=f"{HOST}:{layout.ports.envoy}",
        admin=f"{HOST}:{layout.ports.envoy_admin}",
        upstream=f"{HOST}:{layout.ports.upstream}",
    )


def write_yaml(path: Path, data: Mapping[str, Any]) -> None:
    path.write_text(_NOTE + yaml.safe_dump(dict(data), sort_keys=False, width=120), encoding="utf-8")


def _registry(layout: Layout, scenario: Scenario) -> dict[str, Any]:
    return {
        "database": f"sqlite:///{layout.database}",
        "listen": {"http": f"{HOST}:{layout.ports.registry_http}", "grpc": f"{HOST}:{layout.ports.registry_grpc}"},
        "admin_token": {"file": str(layout.admin_token)},
        "keys": {"prefix": scenario.key_prefix, "peppers": _peppers(layout)},
        "redis": {"url": layout.redis_url},
        "publish": {},
    }


def _sidecar(layout: Layout, scenario: Scenario) -> dict[str, Any]:
    return {
        "listen": {"grpc": [layout.sidecar], "admin": f"{HOST}:{layout.ports.sidecar_admin}"},
        "redis": {"url": layout.redis_url},
        "keys": {"peppers": _peppers(layout)},
        "apis": [dict(api) for api in scenario.apis],
    }


def _peppers(layout: Layout) -> list[dict[str, str]]:
    return [{"id": "p1", "file": str(layout.pepper)}]
