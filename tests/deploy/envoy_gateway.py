"""A real Envoy Gateway without a cluster: it reads the manifests from a file, and runs the Envoy that it configures.

The manifests are those of deploy/gateways/envoy-gateway. What a cluster would know is put in: ports that are free here,
and in place of each Service, which it reads from no file, a Backend: of the same namespace, since without a cluster it
takes no policy's reference to another one.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import yaml

from extauth.demo import binaries, probes
from extauth.demo.child import Service
from extauth.demo.ports import HOST
from tests.deploy import guide
from tests.deploy.chart import Manifest
from tests.e2e.running import Running, running_stack
from tests.support.lone_sidecar import free_port

ROOT = Path(__file__).parents[2]
PAGE = guide.section(guide.read(ROOT / "docs" / "getting-started.md"), "Envoy Gateway")
VALUES = yaml.safe_load(guide.files(PAGE)["values.yaml"])
_GROUP = "gateway.envoyproxy.io"
_API = f"{_GROUP}/v1alpha1"
_NAMESPACE = "envoy-gateway-system"
_ENVOY = "1.40.0"  # of our own wheel, under the name by which Envoy Gateway looks for it before it would fetch one


@contextmanager
def gateway_before_a_stack(directory: Path) -> Iterator[tuple[Running, str]]:
    """A stack that has the guide's APIs, and the URL of the gateway in front of it."""
    program = os.environ.get("EXTAUTH_ENVOY_GATEWAY")
    if program is None:
        pytest.skip("`make test-envoy-gateway` builds an Envoy Gateway, and runs this with it")
    checks, gateway = free_port(), free_port()
    listen = {"grpc": [f"unix:{directory}/x.sock", f"{HOST}:{checks}"]}
    with running_stack(directory, {"apis": VALUES["apis"]}, listen) as stack:
        _write(directory, _manifests(checks, gateway, stack.layout.ports.upstream))
        certificates = [program, "certgen", "--local", "--config-home", str(directory / "gateway" / "configHome")]
        subprocess.run(certificates, capture_output=True, timeout=60, check=True)
        url = f"http://{HOST}:{gateway}"
        service = Service(
            name="envoy-gateway",
            command=(program, "server", "--config-path", str(directory / "envoy-gateway.yaml")),
            log=stack.layout.log("envoy-gateway"),
            is_ready=lambda: probes.http_status(f"{url}/elsewhere") == HTTPStatus.NOT_FOUND,
        )
        stack.supervisor.start(service)
        stack.supervisor.wait_until_ready(service)
        yield stack, url


def _manifests(checks: int, gateway: int, upstream: int) -> list[Manifest]:
    folder = ROOT / "deploy" / "gateways" / "envoy-gateway"
    found = [one for path in sorted(folder.glob("*.yaml")) for one in yaml.safe_load_all(guide.read(path))]
    specs = {one["kind"]: one["spec"] for one in found}
    assert len(specs) == len(found)
    specs["GatewayClass"]["parametersRef"] = {
        "group": _GROUP,
        "kind": "EnvoyProxy",
        "name": "here",
        "namespace": _NAMESPACE,
    }
    specs["Gateway"]["listeners"][0]["port"] = gateway
    of_checks, of_the_api = specs["SecurityPolicy"]["extAuth"]["grpc"], specs["HTTPRoute"]["rules"][0]
    ours = _backend_in_place_of(of_checks["backendRefs"][0], 9001, checks)
    api = _backend_in_place_of(of_the_api["backendRefs"][0], 80, upstream)
    proxy = {"provider": {"type": "Host", "host": {"envoyVersion": _ENVOY}}}
    return [*found, ours, api, _manifest("EnvoyProxy", "here", _NAMESPACE, proxy)]


def _backend_in_place_of(reference: dict[str, Any], expected: int, port: int) -> Manifest:
    assert reference.pop("port") == expected
    reference.pop("namespace", None)
    reference |= {"group": _GROUP, "kind": "Backend"}
    endpoint = {"ip": {"address": HOST, "port": port}}
    return _manifest("Backend", reference["name"], "orders", {"endpoints": [endpoint]})


def _manifest(kind: str, name: str, namespace: str, spec: Manifest) -> Manifest:
    return {"apiVersion": _API, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def _write(directory: Path, manifests: list[Manifest]) -> None:
    resources = directory / "resources"
    resources.mkdir()
    (resources / "all.yaml").write_text(yaml.safe_dump_all(manifests))
    places = {name: str(directory / "gateway" / name) for name in ("configHome", "dataHome", "stateHome", "runtimeDir")}
    custom = {
        "resource": {"type": "File", "file": {"paths": [str(resources)]}},
        "infrastructure": {"type": "Host", "host": places},
    }
    settings = {
        "apiVersion": _API,
        "kind": "EnvoyGateway",
        "gateway": {"controllerName": "gateway.envoyproxy.io/gatewayclass-controller"},
        "provider": {"type": "Custom", "custom": custom},
        "extensionApis": {"enableBackend": True},
    }
    (directory / "envoy-gateway.yaml").write_text(yaml.safe_dump(settings))
    programs = Path(places["dataHome"]) / "envoy-versions" / _ENVOY / "bin"
    programs.mkdir(parents=True)
    (programs / "envoy").symlink_to(binaries.envoy())
