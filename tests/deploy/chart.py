"""The chart, rendered by Helm's own library."""

from collections.abc import Mapping
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

import helm_python
import yaml

CHART = Path(__file__).parents[2] / "deploy" / "chart"
NAMESPACE = "auth"
RELEASE = "extauth"

Manifest = dict[str, Any]
Values = Mapping[str, Any]

API = {
    "name": "orders",
    "credentials": [{"header": "x-api-key"}],
    "limits": [{"name": "k", "by": "key", "rate": "9/s"}],
}
NEEDED: Values = {
    "image": {"repository": "registry.example.com/extauth"},
    "peppers": [{"id": "p1", "secret": "extauth-pepper", "key": "pepper"}],
    "redis": {"url": "redis://redis:6379/0"},
    "apis": [API],
}
"""What nobody can leave out."""


def render(*layers: Values) -> list[Manifest]:
    """What `helm install` sends with these values on top of NEEDED; HelmError when they cannot be used."""
    values = merged(NEEDED, *layers)
    files = _chart().render(values, name=RELEASE, namespace=NAMESPACE)
    texts = [text for name, text in sorted(files.items()) if name.endswith(".yaml")]
    return [manifest for text in texts for manifest in yaml.load_all(text, yaml.CSafeLoader) if manifest]


def notes(*layers: Values) -> str:
    """What is shown after installing."""
    files = _chart().render(merged(NEEDED, *layers), name=RELEASE, namespace=NAMESPACE)
    return next(text for name, text in files.items() if name.endswith("NOTES.txt"))


def merged(*layers: Values) -> dict[str, Any]:
    """As Helm merges values: mappings are joined, everything else is replaced."""
    result: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            both = isinstance(value, Mapping) and isinstance(result.get(name), Mapping)
            result[name] = merged(result[name], value) if both else deepcopy(value)
    return result


def of_kind(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    """By name."""
    return {manifest["metadata"]["name"]: manifest for manifest in manifests if manifest["kind"] == kind}


def settings_file(manifests: list[Manifest], name: str) -> str:
    """The text of extauth.yaml, registry.yaml or envoy.yaml."""
    maps = of_kind(manifests, "ConfigMap").values()
    found: str = next(one["data"][name] for one in maps if name in one["data"])
    return found


def pod_spec(manifest: Manifest) -> dict[str, Any]:
    """Of a Deployment."""
    found: dict[str, Any] = manifest["spec"]["template"]["spec"]
    return found


def containers(manifest: Manifest) -> list[dict[str, Any]]:
    """All of a Deployment's pods, init containers among them."""
    pod = pod_spec(manifest)
    return [*pod.get("initContainers", ()), *pod["containers"]]


@lru_cache
def _chart() -> Any:
    return helm_python.Chart.load(CHART)
