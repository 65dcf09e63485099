"""Every combination of the chart's main choices: what is rendered is valid, and fits together."""

import re
from typing import Any

import helm_python
import pytest

from extauth.policy.settings import SidecarSettings
from extauth.registry.settings import RegistrySettings
from extauth.settings.model import validate as validate_settings
from extauth.settings.source import Source
from tests.deploy import kubernetes
from tests.deploy.alternatives import AXES, combinations
from tests.deploy.chart import (
    CHART,
    NEEDED,
    Manifest,
    Values,
    containers,
    merged,
    of_kind,
    pod_spec,
    render,
    settings_file,
)

_CASES = dict(combinations())
_PLACEMENTS = {place: [name for name in _CASES if name.split()[1] == place] for place in AXES["placement"]}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("place", _PLACEMENTS)
def test_every_combination_is_valid_and_fits_together(place: str) -> None:
    assert len(_PLACEMENTS[place]) > 200
    for name in _PLACEMENTS[place]:
        try:
            _assert_good(render(_CASES[name]))
        except Exception as error:
            error.add_note(f"with {name}")
            raise


@pytest.mark.parametrize(("axis", "name"), [(axis, name) for axis, names in AXES.items() for name in names])
def test_each_choice_is_valid_and_fits_together(axis: str, name: str) -> None:
    _assert_good(render(AXES[axis][name]))


@pytest.mark.parametrize(("axis", "name"), [(axis, name) for axis, names in AXES.items() for name in names])
def test_helm_lint_has_no_complaint(axis: str, name: str) -> None:
    values = merged(NEEDED, AXES[axis][name])
    report = helm_python.lint(CHART, values, strict=True, kube_version="v1.30.0")
    assert report["errors"] == []
    assert [message for message in report["messages"] if message["severity"] > 1] == []


def _assert_good(manifests: list[Manifest]) -> None:
    kubernetes.validate(manifests)
    assert len({(one["kind"], one["metadata"]["name"]) for one in manifests}) == len(manifests)
    assert not of_kind(manifests, "Secret")  # secrets are only referred to
    for deployment in of_kind(manifests, "Deployment").values():
        kubernetes.assert_restricted(pod_spec(deployment))
        _assert_volumes_exist(deployment, manifests)
    _assert_selectors_find_something(manifests)
    _assert_settings_are_good(manifests)


def _assert_volumes_exist(deployment: Manifest, manifests: list[Manifest]) -> None:
    volumes = {volume["name"]: volume for volume in pod_spec(deployment)["volumes"]}
    mounted = {mount["name"] for container in containers(deployment) for mount in container["volumeMounts"]}
    assert mounted == volumes.keys()
    maps = {volume["configMap"]["name"] for volume in volumes.values() if "configMap" in volume}
    assert maps <= of_kind(manifests, "ConfigMap").keys()
    claims = {one["persistentVolumeClaim"]["claimName"] for one in volumes.values() if "persistentVolumeClaim" in one}
    assert claims <= {*of_kind(manifests, "PersistentVolumeClaim"), "kept"}


def _assert_selectors_find_something(manifests: list[Manifest]) -> None:
    pods = [deployment["spec"]["template"] for deployment in of_kind(manifests, "Deployment").values()]
    for service in of_kind(manifests, "Service").values():
        (pod,) = [one for one in pods if _selects(service["spec"]["selector"], one)]
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= _ports(pod["spec"])
    for budget in of_kind(manifests, "PodDisruptionBudget").values():
        assert any(_selects(budget["spec"]["selector"]["matchLabels"], pod) for pod in pods)
    for policy in of_kind(manifests, "NetworkPolicy").values():
        (pod,) = [one for one in pods if _selects(policy["spec"]["podSelector"]["matchLabels"], one)]
        named = {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]}
        assert named == _ports(pod["spec"])
        assert all(rule["from"] for rule in policy["spec"]["ingress"])  # an empty one lets everybody in
    for deployment in of_kind(manifests, "Deployment").values():
        assert _selects(deployment["spec"]["selector"]["matchLabels"], deployment["spec"]["template"])
    for scaler in of_kind(manifests, "HorizontalPodAutoscaler").values():
        target = of_kind(manifests, "Deployment")[scaler["spec"]["scaleTargetRef"]["name"]]
        assert "replicas" not in target["spec"]  # each upgrade would undo what the scaler has done
    for monitor in of_kind(manifests, "ServiceMonitor").values():
        labels = monitor["spec"]["selector"]["matchLabels"].items()
        found = [one for one in of_kind(manifests, "Service").values() if labels <= one["metadata"]["labels"].items()]
        ports = {port["name"] for service in found for port in service["spec"]["ports"]}
        assert {endpoint["port"] for endpoint in monitor["spec"]["endpoints"]} <= ports
        assert len(found) == len(of_kind(manifests, "Deployment"))


def _assert_settings_are_good(manifests: list[Manifest]) -> None:
    """Also, each file that they name is mounted."""
    for deployment in of_kind(manifests, "Deployment").values():
        for name, model in (("extauth.yaml", SidecarSettings), ("registry.yaml", RegistrySettings)):
            if name.partition(".")[0] in _programs(deployment):
                text = settings_file(manifests, name)
                validate_settings(model, Source(text, name))
                named = set(re.findall(r"/run/secrets/extauth/([^\s\"'&]+)", text))
                assert named <= _secret_files(deployment)


def _programs(deployment: Manifest) -> set[str]:
    arguments = [argument for container in containers(deployment) for argument in container["args"]]
    return {"extauth" for one in arguments if one == "/etc/extauth/extauth.yaml"} | {
        "registry" for one in arguments if one == "/etc/extauth/registry.yaml"
    }


def _secret_files(deployment: Manifest) -> set[str]:
    (volume,) = [one for one in pod_spec(deployment)["volumes"] if one["name"] == "secrets"]
    sources = [source.get("secret") or source["configMap"] for source in volume["projected"]["sources"]]
    return {item["path"] for source in sources for item in source["items"]}


def _selects(selector: Values, pod: dict[str, Any]) -> bool:
    return bool(selector.items() <= pod["metadata"]["labels"].items())


def _ports(pod: dict[str, Any]) -> set[str]:
    everything = [*pod.get("initContainers", ()), *pod["containers"]]
    return {port["name"] for container in everything for port in container.get("ports", ())}
