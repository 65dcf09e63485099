"""Nothing under deploy/ that no test looks at, and no value of the chart that is not described."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_python
import yaml

from tests.deploy.chart import CHART
from tests.deploy.test_gateways import NAMES

DEPLOY = CHART.parent
_LOOKED_AT = {
    "chart": "tests/deploy/test_chart_renders.py",
    "dashboards": "tests/observability",
    "gateways": "tests/deploy/test_gateways.py",
    "image": "tests/deploy/test_image.py",
    "kustomize": "tests/deploy/test_kustomize.py",
    "presets": "tests/unit/test_presets.py",
    "prometheus": "tests/observability",
}
_FREE = {"settings", "affinity", "resources", "requests", "limits", "labels", "annotations"}  # of any content


def test_every_folder_has_tests() -> None:
    folders = {path.name for path in DEPLOY.iterdir() if path.is_dir() and not path.name.startswith((".", "__"))}
    assert folders == _LOOKED_AT.keys()
    assert all((DEPLOY.parent / place).exists() for place in _LOOKED_AT.values())


def test_every_gateway_has_tests() -> None:
    folders = {path.name for path in (DEPLOY / "gateways").iterdir() if path.is_dir()}
    assert folders == {*NAMES, "plain-envoy", "nginx", "traefik"}  # those speak HTTP: tests/http_check
    told = (DEPLOY / "gateways" / "README.md").read_text()
    assert all(f"]({name})" in told for name in folders)


def test_versions_are_the_packages() -> None:
    version = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text())["project"]["version"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    (image,) = yaml.safe_load((DEPLOY / "kustomize" / "example" / "kustomization.yaml").read_text())["images"]
    assert {chart["appVersion"], chart["version"], image["newTag"]} == {version}


def test_kustomize_builds_every_file() -> None:
    for description in (DEPLOY / "kustomize").rglob("kustomization.yaml"):
        data = yaml.safe_load(description.read_text())
        patches = [patch["path"] for patch in data.get("patches", ()) if "path" in patch]
        files = [name for generator in data.get("configMapGenerator", ()) for name in generator["files"]]
        named = {*data.get("resources", ()), *patches, *files, description.name}
        assert {path.name for path in description.parent.glob("*.yaml")} <= named, description


def test_values_and_their_schema_know_the_same_fields() -> None:
    with helm_python.Chart.load(CHART) as chart:
        values, schema = chart.values, chart.schema
    assert schema is not None
    described = set(_fields_of_schema(schema, schema)) - {"global"}
    assert set(_fields_of_values(values)) == described


def _fields_of_values(values: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in values.items():
        yield prefix + name
        if isinstance(value, dict) and name not in _FREE:
            yield from _fields_of_values(value, f"{prefix}{name}.")


def _fields_of_schema(schema: dict[str, Any], root: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, field in schema.get("properties", {}).items():
        yield prefix + name
        if name not in _FREE:
            yield from _fields_of_schema(_resolved(field, root), root, f"{prefix}{name}.")


def _resolved(field: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """Of objects that the chart itself describes; what comes from the settings is a value of its own."""
    reference = field.get("$ref", "").removeprefix("#/$defs/")
    if not reference:
        return field
    found: dict[str, Any] = root["$defs"].get(reference, {})
    return found


def test_links_in_the_texts_lead_somewhere() -> None:
    for page in DEPLOY.rglob("*.md"):
        for target in _links(page):
            assert (page.parent / target).exists(), f"{page}: {target}"


def _links(page: Path) -> Iterator[str]:
    for part in page.read_text().split("](")[1:]:
        target = part.partition(")")[0].partition("#")[0]
        if target and not target.startswith("http"):
            yield target
