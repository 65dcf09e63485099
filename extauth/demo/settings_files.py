"""The settings of registry, sidecar and Envoy, as files that a reader may learn from."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from extauth.demo.layout import Layout
from extauth.demo.ports import HOST
from extauth.demo.preset_file import read_preset
from extauth.demo.private_file import write_private
from extauth.demo.scenario import Scenario
from extauth.demo.token_issuer import JWKS_PATH, token_issuer
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
    if (issuer := token_issuer(layout)) is not None:
        issuer.make_key()
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
    text = yaml.dump(dict(data), Dumper=_PlainDumper, sort_keys=False, width=120)
    path.write_text(_NOTE + text, encoding="utf-8")


class _PlainDumper(yaml.SafeDumper):
    """Writes what stands in two places twice, in place of an anchor with a made-up name."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401, ARG002 (as in the base class)
        return True


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
    settings: Mapping[str, Any] = read_preset(scenario.preset) if scenario.preset else {"apis": list(scenario.apis)}
    return {
        "listen": {"grpc": [layout.sidecar], "admin": f"{HOST}:{layout.ports.sidecar_admin}"},
        **settings,
        "redis": {**settings.get("redis", {}), "url": layout.redis_url},
        "keys": {**settings.get("keys", {}), "peppers": _peppers(layout)},
        **({"bearer": _bearer(layout, settings["bearer"])} if "bearer" in settings else {}),
    }


def _bearer(layout: Layout, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The same issuers, whose keys are fetched from the demo's own."""
    jwks = {"url": layout.issuer_url + JWKS_PATH}
    issuers = [
        {**issuer, "jwks": {**issuer["jwks"], **jwks}} if "jwks" in issuer else issuer for issuer in settings["issuers"]
    ]
    return {**settings, "issuers": issuers}


def _peppers(layout: Layout) -> list[dict[str, str]]:
    return [{"id": "p1", "file": str(layout.pepper)}]
