"""deploy/gateways/contour under a real Contour, beside the release that the guide made."""

import re
from pathlib import Path

import pytest

from tests.cluster.images import ENVOY
from tests.cluster.newcomer import ROOT, Newcomer
from tests.cluster.programs import CONTOUR_INSTALLATION
from tests.deploy import guide
from tests.support.certificates import CertificateAuthority

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

README = guide.read(ROOT / "deploy" / "gateways" / "contour" / "README.md")
_ASK = """
KEY="$(extauth keys create --name contour --tenant globex --scope read --quiet)"
ADDRESS="$(kubectl --namespace projectcontour get service envoy -o jsonpath='{.status.loadBalancer.ingress[0].ip}')"
ask() {
  curl -s -o body -w '%{http_code}\\n' --cacert ca.pem --resolve "api.example.com:443:$ADDRESS" "$@" "$URL" || true
}
URL=https://api.example.com/orders
expect 200 ask -H "x-api-key: $KEY" -H 'x-auth-tenant: root'
grep -q '"x-auth-tenant", "globex"' body
grep -vq root body
expect 401 ask
expect 401 ask -H "x-api-key: ${KEY}x"
URL=https://api.example.com/healthz
expect 200 ask -H 'x-auth-tenant: root'
grep -vq x-auth-tenant body
kubectl --namespace extauth scale deploy/extauth --replicas=0
kubectl --namespace extauth wait --for=delete pod --selector=app.kubernetes.io/component=sidecar --timeout=60s
URL=https://api.example.com/orders
expect 403 ask -H "x-api-key: $KEY"
kubectl --namespace extauth scale deploy/extauth --replicas=2
expect 200 ask -H "x-api-key: $KEY"
"""


@pytest.mark.usefixtures("told")
def test_contour(newcomer: Newcomer, tmp_path: Path) -> None:
    """Without a sidecar it answers 403, as its page says."""
    kubectl = newcomer.cluster.kubectl
    installation = guide.read(newcomer.cluster.programs / CONTOUR_INSTALLATION)
    (tmp_path / "contour.yaml").write_text(
        re.sub(r"image: docker.io/envoyproxy/envoy:\S+", f"image: {ENVOY}", installation)
    )
    kubectl("apply", "--server-side", "--filename", tmp_path / "contour.yaml")
    for workload in ("deploy/contour", "daemonset/envoy"):
        kubectl("--namespace=projectcontour", "rollout", "status", workload, "--timeout=240s", seconds=250)
    authority = CertificateAuthority(tmp_path)
    files = authority.sign("api.example.com", hosts=["api.example.com"], addresses=[])
    certificate = (f"--cert={files.certificate}", f"--key={files.key}")
    kubectl("--namespace=orders", "create", "secret", "tls", "api-example-com", *certificate)
    (newcomer.folder / "ca.pem").write_bytes(authority.path.read_bytes())
    newcomer.run(guide.script(README, {}), expectations=0)
    newcomer.run_with_token(_ASK, expectations=6)
