"""The settings files of the servers that are measured, and the policy: one API for each way to limit."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

PEPPER_TEXT = "a pepper for tests, 32 bytes long"
TOKEN = "a-token-for-benchmarks-alone"

LIMITS = ("none", "exact", "leased")
"""Names of the APIs: no limits; two that ask Redis on each check; two whose tokens are taken ahead."""
PARTS = ("permissions", "limits", "upstream_headers", "mode")
"""Settings of an API, and of a limit, that an old revision may not know."""

_TOLD = ("key_id", "tenant", "name", "scopes", "plan")
_RATE = {"rate": "1000000/s", "burst": 1_000_000}  # nobody is to reach it


def path_of(limits: str) -> str:
    """A request path that belongs to one of the APIs."""
    return f"/{limits}/communities?limit=10"


def api(limits: str, parts: Collection[str] = PARTS) -> dict[str, Any]:
    """Asks for a scope, tells the upstream five things, and has two limits unless `none`."""
    mode = {"mode": limits} if "mode" in parts else {}
    buckets = [{"name": f"per-{by}", "by": by, **_RATE, **mode} for by in ("key", "tenant")]
    whole = {
        "name": limits,
        "match": {"paths": [f"/{limits}"]},
        "credentials": [{"header": "x-api-key"}],
        "permissions": [{"methods": ["GET"], "paths": [f"/{limits}/communities"], "scopes": ["read"]}],
        "limits": [] if limits == "none" else buckets,
        "upstream_headers": {name: f"x-auth-{name.replace('_', '-')}" for name in _TOLD},
    }
    return {name: value for name, value in whole.items() if name not in PARTS or name in parts}


def sidecar(directory: Path, redis_url: str, address: str, admin: str) -> dict[str, Any]:
    """extauth.yaml without `listen.transport`, which not every revision knows."""
    return {
        "listen": {"grpc": [address], "admin": admin},
        "redis": {"url": redis_url},
        "keys": {"peppers": _peppers(directory)},
        "apis": [api(limits) for limits in LIMITS],
    }


def registry(directory: Path, redis_url: str, http: str, grpc: str) -> dict[str, Any]:
    """registry.yaml."""
    return {
        "database": f"sqlite:///{directory / 'registry.db'}",
        "listen": {"http": http, "grpc": grpc},
        "admin_token": {"file": str(_secret(directory, "token", TOKEN))},
        "keys": {"prefix": "bench", "peppers": _peppers(directory)},
        "redis": {"url": redis_url},
    }


def write(path: Path, data: Mapping[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(dict(data), sort_keys=False))
    return path


def _peppers(directory: Path) -> list[dict[str, str]]:
    return [{"id": "p1", "file": str(_secret(directory, "pepper", PEPPER_TEXT))}]


def _secret(directory: Path, name: str, text: str) -> Path:
    path = directory / name
    path.write_text(text)
    return path
