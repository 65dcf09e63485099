"""The manifests for those who want no Helm say what the chart says."""

import json
import re
import shutil
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from extauth.demo import binaries
from extauth.policy.settings import SidecarSettings
from extauth.registry.settings import RegistrySettings
from extauth.settings.model import validate
from extauth.settings.source import Source
from tests.deploy import kubernetes
from tests.deploy.chart import Manifest, Values, merged, of_kind, render, settings_file

KUSTOMIZE = Path(__file__).parents[2] / "deploy" / "kustomize"
COMPONENTS: dict[str, Values] = {
    "autoscaling": {"sidecar": {"autoscaling": {"enabled": True}}},
    "envoy": {
        "sidecar": {"placement": "envoy"},
        "envoy": {"config": "/run/extauth/extauth.sock"},
    },
    "postgresql": {
        "registry": {
            "replicas": 3,
            "database": {
                "type": "postgresql",
                "postgresql": {"host": "db", "sslmode": "require", "password": {"secret": "extauth-database"}},
            },
        }
    },
    "service-monitor": {"serviceMonitor": {"enabled": True}},
}
_CHOICES = [choice for count in range(len(COMPONENTS) + 1) for choice in combinations(COMPONENTS, count)]
_HASH = re.compile(r"^(extauth-registry)-[a-z0-9]{10}$")


def built(folder: Path, components: tuple[str, ...]) -> list[Manifest]:
    """The example with these components, as `kubectl kustomize` prints it."""
    shutil.copytree(KUSTOMIZE, folder, dirs_exist_ok=True)
    overlay = folder / "example" / "kustomization.yaml"
    chosen = {**yaml.safe_load(overlay.read_text()), "components": [f"../components/{name}" for name in components]}
    overlay.write_text(yaml.safe_dump(chosen))
    command = [binaries.scripts_directory() / "kubectl", "kustomize", overlay.parent]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr
    return [manifest for manifest in yaml.safe_load_all(done.stdout) if manifest]


@pytest.mark.parametrize("components", _CHOICES, ids=lambda choice: "-".join(choice) or "base")
def test_it_is_what_the_chart_makes(tmp_path: Path, components: tuple[str, ...]) -> None:
    manifests = built(tmp_path, components)
    kubernetes.validate(manifests)
    charts = render(merged(*(COMPONENTS[name] for name in components)))
    assert _essence(manifests) == _essence(charts)


def test_its_settings_are_good(tmp_path: Path) -> None:
    manifests = built(tmp_path, ())
    sidecar = validate(SidecarSettings, Source(settings_file(manifests, "extauth.yaml"), "extauth.yaml"))
    validate(RegistrySettings, Source(settings_file(manifests, "registry.yaml"), "registry.yaml"))
    charts = validate(SidecarSettings, Source(settings_file(render(), "extauth.yaml"), "extauth.yaml"))
    assert sidecar.model_copy(update={"apis": charts.apis}) == charts


def test_a_changed_policy_restarts_nothing_and_changed_registry_settings_do(tmp_path: Path) -> None:
    before = of_kind(built(tmp_path, ()), "Deployment")
    for name in ("extauth.yaml", "registry.yaml"):
        path = tmp_path / "example" / name
        path.write_text(path.read_text() + "# changed\n")
    command = [binaries.scripts_directory() / "kubectl", "kustomize", tmp_path / "example"]
    output = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    after = of_kind(list(yaml.safe_load_all(output)), "Deployment")
    assert {name for name in before if before[name] != after[name]} == {"extauth-registry"}


def test_every_component_is_tested_and_told_of() -> None:
    found = {folder.name for folder in (KUSTOMIZE / "components").iterdir()}
    assert found == COMPONENTS.keys()
    told = (KUSTOMIZE / "README.md").read_text()
    assert all(f"](components/{name})" in told for name in found)


def _essence(manifests: list[Manifest]) -> dict[tuple[str, str], Any]:
    """By kind and name, without what only one of the two has: labels of Helm, hashes, the namespace."""
    kept = [one for one in manifests if one["kind"] != "ConfigMap"]
    return {(one["kind"], one["metadata"]["name"]): _plain({**one, "metadata": None}) for one in kept}


def _plain(node: Any) -> Any:
    if isinstance(node, list):
        items = [_plain(item) for item in node]
        return sorted(items, key=json.dumps) if all(isinstance(item, dict) for item in items) else items
    if isinstance(node, dict):
        return {
            name: _plain(value) for name, value in sorted(node.items()) if name != "annotations" and value is not None
        }
    return _HASH.sub(r"\1", node) if isinstance(node, str) else node
