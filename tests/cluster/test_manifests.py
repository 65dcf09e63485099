"""The API server takes every manifest under deploy/, by the definitions of those who made their kinds."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.cluster import Cluster
from tests.cluster.programs import CHART, DEFINITIONS
from tests.deploy import guide

ROOT = Path(__file__).parents[2]
_KIND = re.compile(r"^kind: CustomResourceDefinition$", re.MULTILINE)
PAGE = guide.section(guide.read(ROOT / "docs" / "getting-started.md"), "Envoy Gateway")
GATEWAYS = ("contour", "emissary", "istio", "kgateway")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def defined(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """With the kinds of all gateways, and of the Prometheus operator."""
    folder = tmp_path_factory.mktemp("definitions")
    for name in DEFINITIONS:
        definitions = _definitions(cluster.programs / f"{name}.yaml")
        assert len(definitions) >= 5
        (folder / f"{name}.yaml").write_text("\n---\n".join(definitions))
    for path in (cluster.programs / CHART / "charts" / "crds" / "crds", folder):
        flags = ("--server-side", "--force-conflicts", "--recursive")
        cluster.kubectl("apply", *flags, "--filename", path, seconds=300)
    cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    return cluster


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_manifests_of_gateways(defined: Cluster, gateway: str, tmp_path: Path) -> None:
    folder = ROOT / "deploy" / "gateways" / gateway
    manifests = [one for path in sorted(folder.rglob("*.yaml")) for one in _manifests(path)]
    assert manifests
    for namespace in {one["metadata"]["namespace"] for one in manifests if "namespace" in one["metadata"]}:
        _make_namespace(defined, namespace)
    for number, manifest in enumerate(manifests):
        file = tmp_path / f"{number}.yaml"
        file.write_text(yaml.safe_dump(manifest))
        _would_be_taken(defined, file)


def test_the_chart_with_all_that_it_has(defined: Cluster, tmp_path: Path) -> None:
    values = yaml.safe_load(guide.files(PAGE)["values.yaml"])
    for part in ("serviceMonitor", "prometheusRule", "dashboards"):
        values[part] = {"enabled": True}
    values["sidecar"] = {"autoscaling": {"enabled": True}}
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))
    chart = ("all", ROOT / "deploy" / "chart", "--namespace=default", "--values", tmp_path / "values.yaml")
    (tmp_path / "all.yaml").write_text(defined.helm("template", *chart, "--validate"))
    _would_be_taken(defined, tmp_path / "all.yaml")


def test_what_kustomize_makes(defined: Cluster, tmp_path: Path) -> None:
    """In a namespace where nothing of these names is."""
    made = defined.kubectl("kustomize", ROOT / "deploy" / "kustomize" / "example")
    assert "\n  namespace: extauth\n" in made
    (tmp_path / "all.yaml").write_text(made.replace("namespace: extauth\n", "namespace: kustomize\n"))
    _make_namespace(defined, "kustomize")
    _would_be_taken(defined, tmp_path / "all.yaml")


def test_a_mistake_would_not_be_taken(defined: Cluster, tmp_path: Path) -> None:
    (policy, *_) = _manifests(ROOT / "deploy/gateways/kgateway/traffic-policy.yaml")
    policy["spec"]["noSuchField"] = 1
    file = tmp_path / "policy.yaml"
    file.write_text(yaml.safe_dump(policy))
    with pytest.raises(AssertionError, match="noSuchField"):
        _would_be_taken(defined, file)


def _would_be_taken(cluster: Cluster, file: Path) -> None:
    cluster.kubectl("apply", "--dry-run=server", "--validate=strict", "--filename", file)


def _make_namespace(cluster: Cluster, name: str) -> None:
    if not cluster.kubectl("get", "namespace", name, "--ignore-not-found"):
        cluster.kubectl("create", "namespace", name)


def _manifests(path: Path) -> list[dict[str, Any]]:
    """Those of a file that are for an API server; settings of a gateway are not."""
    return [one for one in yaml.safe_load_all(guide.read(path)) if "apiVersion" in one]


def _definitions(path: Path) -> list[str]:
    """As text: not all of it is YAML that PyYAML reads."""
    found = [one for one in re.split(r"^---$", guide.read(path), flags=re.MULTILINE) if _KIND.search(one)]
    return [_as_written(one) if "strategy: Webhook" in one else one for one in found]


def _as_written(text: str) -> str:
    """Without the webhook by which Emissary turns a version into the one that it stores: the newest is stored."""
    definition = yaml.safe_load(text)
    specification = definition["spec"]
    del specification["conversion"]
    for version in specification["versions"]:
        version["storage"] = version is specification["versions"][-1]
    return yaml.safe_dump(definition)
