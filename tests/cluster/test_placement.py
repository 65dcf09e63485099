"""docs/kubernetes.md takes the release that the guide made further: a sidecar beside an Envoy of ours."""

import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.newcomer import ROOT, Newcomer
from tests.deploy import guide

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

PLACEMENT = guide.section(guide.read(ROOT / "docs" / "kubernetes.md"), "Placement")
_ASK = """
KEY="$(extauth keys create --name beside --tenant globex --scope read --quiet)"
ENVOY="http://$(kubectl --namespace extauth get service extauth -o jsonpath='{.spec.clusterIP}')"
ask() { curl -s -o /dev/null -w '%{http_code}\\n' -H 'Host: api.example.com' "$@" "$ENVOY/orders"; }
expect 200 ask -H "x-api-key: $KEY"
expect 401 ask
"""


@pytest.mark.usefixtures("told")
def test_a_sidecar_beside_an_envoy_of_ours(cluster: Cluster, newcomer: Newcomer) -> None:
    newcomer.run(guide.script(PLACEMENT, {}), expectations=0)
    newcomer.run_with_token(_ASK, expectations=2)
    pods = cluster.get("pods", "--namespace=extauth", "--selector=app.kubernetes.io/component=sidecar")["items"]
    new = [pod["spec"] for pod in pods if "deletionTimestamp" not in pod["metadata"]]  # the others are on their way out
    containers = [[one["name"] for one in [*pod.get("initContainers", []), *pod["containers"]]] for pod in new]
    assert containers == [["sidecar", "envoy"]] * 2
