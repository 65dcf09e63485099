"""docs/getting-started.md with Envoy Gateway, command by command, in a real cluster."""

from pathlib import Path

import pytest

from extauth.demo import binaries
from tests.cluster.cluster import Cluster
from tests.cluster.images import ENVOY
from tests.cluster.node import NAME
from tests.cluster.programs import CHART
from tests.deploy import guide

ROOT = Path(__file__).parents[2]
PAGE = guide.section(guide.read(ROOT / "docs" / "getting-started.md"), "Envoy Gateway")
PLACEMENT = guide.section(guide.read(ROOT / "docs" / "kubernetes.md"), "Placement")
MANIFESTS = Path(__file__).parent / "manifests"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
_KEEP_TOKEN = '\nprintf %s "$REGISTRY_TOKEN" > token\n'
_ASK_ENVOY = """
export REGISTRY_TOKEN="$(cat token)" REGISTRY_URL=http://127.0.0.1:9904
kubectl --namespace extauth port-forward service/extauth-registry 9904:80 > /dev/null &
until curl -sf http://127.0.0.1:9904/readyz; do sleep 1; done
KEY="$(extauth keys create --name beside --tenant globex --scope read --quiet)"
ENVOY="http://$(kubectl --namespace extauth get service extauth -o jsonpath='{.spec.clusterIP}')"
ask() { curl -s -o /dev/null -w '%{http_code}\\n' -H 'Host: api.example.com' "$@" "$ENVOY/orders"; }
expect 200 ask -H "x-api-key: $KEY"
expect 401 ask
"""
_VOLUME = """
apiVersion: v1
kind: PersistentVolume
metadata: {{name: {name}}}
spec:
  capacity: {{storage: 10Gi}}
  accessModes: [ReadWriteOnce]
  local: {{path: {path}}}
  nodeAffinity:
    required:
      nodeSelectorTerms:
        - matchExpressions: [{{key: kubernetes.io/hostname, operator: In, values: [{node}]}}]
"""


@pytest.fixture(scope="module")
def newcomer(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the page says that a newcomer has, in a cluster whose pods must be `restricted`; the folder to work in."""
    folder = tmp_path_factory.mktemp("newcomer")
    (folder / "deploy").symlink_to(ROOT / "deploy")
    volume = folder / "volume"
    volume.mkdir()
    (folder / "volume.yaml").write_text(_VOLUME.format(name="registry", path=volume, node=NAME))
    for file in (folder / "volume.yaml", MANIFESTS / "redis.yaml", MANIFESTS / "orders.yaml"):
        cluster.kubectl("apply", "--filename", file)
    envoy = ("--set", f"global.images.envoyProxy.image={ENVOY}")
    place = ("--namespace=envoy-gateway-system", "--create-namespace")
    cluster.helm("install", "eg", cluster.programs / CHART, *place, *envoy, "--wait", "--timeout=5m")
    return folder


def test_envoy_gateway(cluster: Cluster, newcomer: Path) -> None:
    restricted = "\nkubectl label namespace extauth pod-security.kubernetes.io/enforce=restricted\n"
    created = "kubectl create namespace extauth\n"
    assert created in PAGE
    script = guide.script(PAGE, {created: created + restricted}) + _KEEP_TOKEN
    output = run(cluster, newcomer, script, expectations=4)
    assert "gateway.gateway.networking.k8s.io/api condition met" in output
    assert "Warning" not in output  # of a pod that would not be `restricted`, a field that nobody knows


def test_a_sidecar_beside_an_envoy_of_ours(cluster: Cluster, newcomer: Path) -> None:
    """docs/kubernetes.md takes the release that the guide made further."""
    run(cluster, newcomer, guide.script(PLACEMENT, {}) + _ASK_ENVOY, expectations=2)
    pods = cluster.get("pods", "--namespace=extauth", "--selector=app.kubernetes.io/component=sidecar")["items"]
    new = [pod["spec"] for pod in pods if "deletionTimestamp" not in pod["metadata"]]  # the others are on their way out
    containers = [[one["name"] for one in [*pod.get("initContainers", []), *pod["containers"]]] for pod in new]
    assert containers == [["sidecar", "envoy"]] * 2


def run(cluster: Cluster, folder: Path, script: str, *, expectations: int) -> str:
    """What the commands of a page print."""
    assert script.count("\nexpect ") == expectations
    programs = f"export PATH={cluster.programs}:$PATH TRIES=100\n"
    variables = "".join(f"export {name}={value}\n" for name, value in cluster.environment.items())
    return guide.run(programs + variables + script, folder, binaries.scripts_directory(), 900)
