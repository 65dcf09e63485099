"""Somebody who follows the documentation, with what it says that they have."""

from dataclasses import dataclass
from pathlib import Path

from extauth.demo import binaries
from tests.cluster.cluster import Cluster
from tests.cluster.images import ENVOY
from tests.cluster.node import NAME
from tests.cluster.programs import CHART
from tests.deploy import guide

ROOT = Path(__file__).parents[2]
GUIDE = guide.section(guide.read(ROOT / "docs" / "getting-started.md"), "Envoy Gateway")
_MANIFESTS = Path(__file__).parent / "manifests"
_NAMESPACE = "kubectl create namespace extauth\n"
_RESTRICTED = "kubectl label namespace extauth pod-security.kubernetes.io/enforce=restricted\n"
_KEEP_TOKEN = '\nprintf %s "$REGISTRY_TOKEN" > token\n'
_TAKE_TOKEN = """
export REGISTRY_TOKEN="$(cat token)" REGISTRY_URL=http://127.0.0.1:9904
kubectl --namespace extauth port-forward service/extauth-registry 9904:80 > /dev/null &
until curl -sf http://127.0.0.1:9904/readyz; do sleep 1; done
"""
_VOLUME = """
apiVersion: v1
kind: PersistentVolume
metadata: {{name: registry}}
spec:
  capacity: {{storage: 10Gi}}
  accessModes: [ReadWriteOnce]
  local: {{path: {path}}}
  nodeAffinity:
    required:
      nodeSelectorTerms:
        - matchExpressions: [{{key: kubernetes.io/hostname, operator: In, values: [{node}]}}]
"""


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Works in a folder, which has `deploy`."""

    cluster: Cluster
    folder: Path

    def prepare(self) -> None:
        """A Redis, an API, Envoy Gateway, and a volume, which other clusters make when one is claimed."""
        (self.folder / "deploy").symlink_to(ROOT / "deploy")
        volume = self.folder / "volume"
        volume.mkdir()
        (self.folder / "volume.yaml").write_text(_VOLUME.format(path=volume, node=NAME))
        for file in (self.folder / "volume.yaml", _MANIFESTS / "redis.yaml", _MANIFESTS / "orders.yaml"):
            self.cluster.kubectl("apply", "--filename", file)
        envoy = ("--set", f"global.images.envoyProxy.image={ENVOY}")
        place = ("--namespace=envoy-gateway-system", "--create-namespace")
        self.cluster.helm("install", "eg", self.cluster.programs / CHART, *place, *envoy, "--wait", "--timeout=5m")

    def follow_the_guide(self) -> str:
        """Pods of ours must be `restricted`. What its commands print."""
        assert _NAMESPACE in GUIDE
        return self.run(guide.script(GUIDE, {_NAMESPACE: _NAMESPACE + _RESTRICTED}) + _KEEP_TOKEN, expectations=4)

    def run_with_token(self, commands: str, *, expectations: int) -> str:
        """Later, with the guide's token and its registry."""
        return self.run(guide.script("", {}) + _TAKE_TOKEN + commands, expectations=expectations)

    def run(self, script: str, *, expectations: int) -> str:
        """What the commands print."""
        assert script.count("\nexpect ") == expectations
        programs = f"export PATH={self.cluster.programs}:$PATH TRIES=100\n"
        variables = "".join(f"export {name}={value}\n" for name, value in self.cluster.environment.items())
        return guide.run(programs + variables + script, self.folder, binaries.scripts_directory(), 900)
