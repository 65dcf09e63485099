"""Spans of checks, through a real Envoy, at a collector that takes OTLP."""

import secrets
import subprocess
import sys
from collections.abc import Iterator

import pytest

from extauth.keys.token import generate
from extauth.telemetry.tracing import Tracing
from extauth.telemetry.tracing_settings import TracingSettings
from tests.e2e.eventually import eventually
from tests.e2e.http1 import send
from tests.e2e.running import Running, running_stack
from tests.e2e.scenario import PER_KEY, PER_KEY_BURST, PLAIN
from tests.observability.collector import Collector, Span, collecting
from tests.support.lone_sidecar import free_port

TOKEN = "Bearer of-a-collector-4711"
PATIENCE = 30.0  # seconds; spans are sent every five


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest.fixture(scope="module")
def stack(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("traced")
    (folder / "authorization").write_text(TOKEN)
    tracing = {"endpoint": collector.url, "authorization": {"file": str(folder / "authorization")}, "service": "checks"}
    with running_stack(folder, {"tracing": tracing}) as running:
        yield running


def begin_trace(*, sampled: bool = True) -> tuple[str, str, tuple[str, str]]:
    """The ids of a trace and of the span that calls, and the header that tells of them."""
    trace, span = secrets.token_hex(16), secrets.token_hex(8)
    return trace, span, ("traceparent", f"00-{trace}-{span}-{'01' if sampled else '00'}")


def only_span(collector: Collector, trace: str) -> Span:
    eventually(lambda: bool(collector.of_trace(trace)), PATIENCE)
    (span,) = collector.of_trace(trace)
    return span


def test_a_check_is_a_child_of_its_request(stack: Running, collector: Collector) -> None:
    key = stack.issue()
    traces = [begin_trace() for _ in range(2)]
    assert [send(stack.url, PLAIN, [key.header, header]).status for _, _, header in traces] == [200, 200]
    spans = [only_span(collector, trace) for trace, _, _ in traces]
    assert [span.parent for span in spans] == [parent for _, parent, _ in traces]
    assert {(span.name, span.service, span.is_error) for span in spans} == {
        ("envoy.service.auth.v3.Authorization/Check", "checks", False)
    }
    first, second = (span.attributes for span in spans)
    plain = {"extauth.api": "plain", "extauth.reason": "ok", "extauth.limited": False}
    assert first == {**plain, "extauth.cache_hit": False, "extauth.asked_redis": True}
    assert second == {**plain, "extauth.cache_hit": True, "extauth.asked_redis": False}


def test_denials_and_limits(stack: Running, collector: Collector) -> None:
    key = stack.issue()
    missing, _, header = begin_trace()
    assert send(stack.url, PLAIN, [header]).status == 401
    limited, _, header = begin_trace()
    for _ in range(PER_KEY_BURST + 5):
        answer = send(stack.url, PER_KEY, [key.header])
    assert answer.status == 429
    assert send(stack.url, PER_KEY, [key.header, header]).status == 429
    assert only_span(collector, missing).attributes["extauth.reason"] == "missing_key"
    attributes = only_span(collector, limited).attributes
    assert (attributes["extauth.reason"], attributes["extauth.limited"]) == ("rate_limited", True)


def test_what_is_not_sampled_is_not_sent(stack: Running, collector: Collector) -> None:
    key = stack.issue()
    unsampled, _, header = begin_trace(sampled=False)
    assert send(stack.url, PLAIN, [key.header, header]).status == 200
    assert send(stack.url, PLAIN, [key.header]).status == 200
    assert send(stack.url, PLAIN, [key.header, ("traceparent", "nonsense")]).status == 200
    later, _, header = begin_trace()
    send(stack.url, PLAIN, [key.header, header])
    only_span(collector, later)
    assert collector.of_trace(unsampled) == []
    assert all(span.parent for span in collector.spans)


def test_no_secret_is_sent(stack: Running, collector: Collector) -> None:
    key, unknown = stack.issue(), str(generate("e2e"))
    traces = []
    for headers in ([key.header], [("x-api-key", unknown)], [key.header, key.header]):
        trace, _, header = begin_trace()
        send(stack.url, f"/?key={unknown}", [*headers, header])
        traces.append(trace)
    for trace in traces:
        only_span(collector, trace)
    sent = b"".join(collector.bodies)
    assert key.secret.encode() not in sent
    assert unknown.encode() not in sent
    assert collector.authorizations == {TOKEN}
    assert TOKEN not in stack.layout.log("sidecar").read_text()


def test_without_an_endpoint_nothing_of_it_is_loaded() -> None:
    script = """
import sys
import extauth.serving.sidecar
print([name for name in sys.modules if name in {"extauth.serving.traced_engine", "extauth.telemetry.tracing"}])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


def test_a_collector_that_is_away_keeps_nobody(caplog: pytest.LogCaptureFixture) -> None:
    tracing = Tracing(TracingSettings(endpoint=f"http://127.0.0.1:{free_port()}/v1/traces"))
    span = tracing.begin({"traceparent": begin_trace()[2][1]})
    assert span is not None
    span.end({"extauth.api": "plain"}, is_fault=False)
    tracing.stop(2)
    assert tracing.begin({"traceparent": begin_trace(sampled=False)[2][1]}) is None
