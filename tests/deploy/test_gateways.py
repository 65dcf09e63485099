"""The manifests for gateways: their fields exist, they lead to the chart's Service, and none lets requests through."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import helm_python
import jsonschema
import pytest
import yaml

from extauth.demo import binaries
from extauth.envoy.parameters import FAILURE_MODE_HEADER
from extauth.policy.schema import UpstreamHeaders
from tests.deploy import kubernetes
from tests.deploy.chart import Manifest, of_kind, render

GATEWAYS = Path(__file__).parents[2] / "deploy" / "gateways"
NAMES = ("contour", "emissary", "envoy-gateway", "istio", "kgateway")
_VALUES_FILES = {"mesh-config.yaml"}  # for Istio's own chart
_FAIL_OPEN = {"failOpen", "failure_mode_allow"}
_TIMEOUT = {"timeout", "responseTimeout", "requestTimeout", "response", "timeout_ms"}
_IDENTITY = {name for name in UpstreamHeaders().model_dump().values() if name} | {FAILURE_MODE_HEADER}


def manifests_of(name: str) -> list[Manifest]:
    files = [path for path in sorted((GATEWAYS / name).rglob("*.yaml")) if path.name not in _VALUES_FILES]
    return [manifest for path in files for manifest in yaml.safe_load_all(path.read_text())]


def documents_of(name: str) -> list[Any]:
    return [one for path in sorted((GATEWAYS / name).rglob("*.yaml")) for one in yaml.safe_load_all(path.read_text())]


def values_of(node: Any, names: set[str]) -> list[Any]:
    """All values of fields with one of these names, however deep."""
    if isinstance(node, list):
        return [value for item in node for value in values_of(item, names)]
    if not isinstance(node, dict):
        return []
    own = [value for name, value in node.items() if name in names and not isinstance(value, dict)]
    return [*own, *(value for inner in node.values() for value in values_of(inner, names))]


@pytest.mark.parametrize("name", NAMES)
def test_the_fields_exist(name: str) -> None:
    kubernetes.validate(manifests_of(name))


def test_a_field_that_does_not_exist_is_found() -> None:
    (policy, _) = [one for one in manifests_of("envoy-gateway") if one["kind"] in {"SecurityPolicy", "ReferenceGrant"}]
    policy["spec"]["extAuth"]["failopen"] = False
    with pytest.raises(jsonschema.ValidationError, match="failopen"):
        kubernetes.validate([policy])


@pytest.mark.parametrize("name", NAMES)
def test_they_fail_closed_and_in_time(name: str) -> None:
    documents = documents_of(name)
    assert set(values_of(documents, _FAIL_OPEN)) == {False}
    assert set(values_of(documents, _TIMEOUT)) <= {"250ms", "0.25s", 250}
    assert values_of(documents, _TIMEOUT)


@pytest.mark.parametrize("name", sorted({*NAMES} - {"contour"}))  # which has no setting for it
def test_an_outage_is_503(name: str) -> None:
    documents = documents_of(name)
    assert set(map(str, [*values_of(documents, {"statusOnError"}), *values_of(documents, {"code"})])) == {"503"}


@pytest.mark.parametrize("name", NAMES)
def test_no_client_can_say_who_it_is(name: str) -> None:
    removed = values_of(documents_of(name), {"remove", "remove_request_headers"})
    names = {header for value in removed for header in (value if isinstance(value, list) else [value])}
    assert names == _IDENTITY


@pytest.mark.parametrize("name", NAMES)
def test_they_lead_to_the_charts_service(name: str) -> None:
    service = of_kind(render(), "Service")["extauth"]
    assert [port["port"] for port in service["spec"]["ports"]] == [9001]
    text = json.dumps(documents_of(name))
    names = re.search(r'extauth\.extauth(\.svc\.cluster\.local)?"|extauth\.extauth:9001', text)
    by_reference = '"name": "extauth", "namespace": "extauth", "port": 9001' in text
    in_its_namespace = '"name": "extauth", "port": 9001' in text and '"name": "extauth", "namespace": "extauth"' in text
    assert names or by_reference or in_its_namespace
    assert "9001" in text


@pytest.mark.parametrize("name", sorted({*NAMES} - {"istio"}))  # whose guide says it in words
def test_the_guides_command_lets_the_gateway_in(name: str) -> None:
    (setting,) = re.findall(r"--set '([^']+)'", (GATEWAYS / name / "README.md").read_text())
    policy = of_kind(render(helm_python.parse_set_string(setting)), "NetworkPolicy")["extauth"]
    (source,) = policy["spec"]["ingress"][0]["from"]
    (namespace,) = source["namespaceSelector"]["matchLabels"].values()
    assert setting.endswith(f"={namespace}")


@pytest.mark.parametrize("name", NAMES)
def test_what_the_guides_apply_is_there(name: str) -> None:
    for word in (GATEWAYS / name / "README.md").read_text().split():
        if word.startswith("deploy/"):
            assert (GATEWAYS.parents[1] / word).exists(), word


@pytest.mark.parametrize("name", ["envoy-gateway", "kgateway"])
def test_what_refers_to_another_namespace_may_do_so(name: str) -> None:
    manifests = manifests_of(name)
    (grant,) = of_kind(manifests, "ReferenceGrant").values()
    (allowed,) = grant["spec"]["from"]
    kinds = {(one["apiVersion"].partition("/")[0], one["kind"], one["metadata"].get("namespace")) for one in manifests}
    assert (allowed["group"], allowed["kind"], allowed["namespace"]) in kinds
    assert grant["metadata"]["namespace"] == "extauth"


def test_istios_proxy_and_the_sidecar_share_the_socket() -> None:
    manifests = manifests_of("istio/sidecar")
    pod = of_kind(manifests, "Deployment")["orders"]["spec"]["template"]
    (sidecar,) = pod["spec"]["initContainers"]
    assert sidecar["restartPolicy"] == "Always"
    (folder,) = [one["mountPath"] for one in sidecar["volumeMounts"] if one["name"] == "extauth-socket"]
    annotations = pod["metadata"]["annotations"]
    assert json.loads(annotations["sidecar.istio.io/userVolumeMount"])["extauth-socket"]["mountPath"] == folder
    assert json.loads(annotations["sidecar.istio.io/userVolume"])["extauth-socket"]["emptyDir"]
    (endpoint,) = of_kind(manifests, "ServiceEntry")["extauth"]["spec"]["endpoints"]
    assert endpoint["address"] == f"unix://{folder}/extauth.sock"
    kubernetes.assert_restricted(pod["spec"])


@pytest.mark.parametrize("place", ["gateway", "sidecar"])
def test_istios_policies_name_a_provider_that_is_there(place: str) -> None:
    mesh = yaml.safe_load((GATEWAYS / "istio" / place / "mesh-config.yaml").read_text())["meshConfig"]
    (provider,) = mesh["extensionProviders"]
    (policy,) = of_kind(manifests_of(f"istio/{place}"), "AuthorizationPolicy").values()
    assert policy["spec"]["provider"]["name"] == provider["name"]
    assert policy["spec"]["action"] == "CUSTOM"


def test_envoy_accepts_what_istio_is_to_merge(tmp_path: Path) -> None:
    (patch,) = of_kind(manifests_of("istio"), "EnvoyFilter")["identity-headers"]["spec"]["configPatches"]
    merged = yaml.safe_load((GATEWAYS / "plain-envoy" / "envoy.yaml").read_text())
    manager = merged["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    manager.update(patch["patch"]["value"]["typed_config"])
    path = tmp_path / "envoy.yaml"
    path.write_text(yaml.safe_dump(merged))
    command = [binaries.envoy(), "--mode", "validate", "--log-level", "error", "-c", path]
    subprocess.run(command, capture_output=True, timeout=60, check=True)
