"""A fault of ours is not a denial: Envoy counts it as an error, and clients get our 503."""

from tests.e2e import http1
from tests.e2e.running import Running
from tests.e2e.samples import scrape
from tests.e2e.scenario import PLAIN

_LABELS = {"envoy_http_conn_manager_prefix": "ingress", "envoy_ext_authz_prefix": "extauth"}


def test_envoy_counts_an_error_and_passes_our_answer_on(own_stack: Running) -> None:
    key = own_stack.issue()
    own_stack.supervisor["redis"].kill()
    answer = http1.send(own_stack.url, PLAIN, [key.header])
    assert answer.status == 503
    assert answer.json == {"error": "unavailable", "message": "The API key cannot be checked now. Try again."}
    stats = scrape(f"{own_stack.layout.envoy_admin_url}/stats/prometheus")
    counts = {name: stats(f"envoy_http_ext_authz_{name}_total", **_LABELS) for name in ("ok", "denied", "error")}
    assert counts == {"ok": 0, "denied": 0, "error": 1}
