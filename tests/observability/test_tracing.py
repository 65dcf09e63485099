"""Spans of checks, through a real Envoy, at a collector that takes OTLP."""

import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from extauth.demo import services
from extauth.demo.ports import HOST
from extauth.demo.settings_files import envoy_parameters, write_yaml
from extauth.envoy.bootstrap import bootstrap
from extauth.keys.token import generate
from extauth.telemetry.tracing import Tracing
from extauth.telemetry.tracing_settings import TracingSettings
from tests.e2e.eventually import eventually
from tests.e2e.http1 import send
from tests.e2e.running import Running, free_base, running_stack
from tests.e2e.scenario import PER_KEY, PER_KEY_BURST, PLAIN
from tests.observability.collector import Collector, Span, collecting
from tests.support.lone_sidecar import free_port
from tests.support.wait import wait_until

TOKEN = "Bearer of-a-collector-4711"
PATIENCE = 60.0  # seconds; spans are sent every five


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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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
import threading
import extauth.serving.sidecar
print([name for name in sys.modules if name in {"extauth.serving.traced_engine", "extauth.telemetry.tracing"}])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


def test_a_collector_that_is_away_keeps_nobody() -> None:
    tracing = Tracing(TracingSettings(endpoint=f"http://127.0.0.1:{free_port()}/v1/traces", timeout="1s"))
    span = tracing.begin({"traceparent": begin_trace()[2][1]})
    assert span is not None
    span.end({"extauth.api": "plain"}, is_fault=False)
    tracing.stop(2)
    assert tracing.begin({"traceparent": begin_trace(sampled=False)[2][1]}) is None
    # Its pauses are random, and Hypothesis would take them for those of whichever test comes next.
    wait_until(lambda: not any(thread.name.startswith(("tracing", "Otel")) for thread in threading.enumerate()), 30)


@pytest.fixture(scope="module", params=["lean", "stock"])
def tracing_envoy(
    request: pytest.FixtureRequest, collector: Collector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Running, str]]:
    """A stack with either transport, and the URL of an Envoy before it that traces every request itself."""
    folder = tmp_path_factory.mktemp("traced")
    tracing = {"endpoint": collector.url}
    with running_stack(folder, {"tracing": tracing}, {"transport": request.param}) as running:
        yield running, start_tracing_envoy(running, collector)


def start_tracing_envoy(stack: Running, collector: Collector) -> str:
    """With Envoy's own OpenTelemetry tracer, which sends its spans to the same collector."""
    base = free_base(2)
    listen, admin = f"{HOST}:{base}", f"{HOST}:{base + 1}"
    configuration = bootstrap(replace(envoy_parameters(stack.layout), listen=listen, admin=admin))
    resources = configuration["static_resources"]
    address = {"address": HOST, "port_value": urlsplit(collector.url).port}
    endpoint = {"endpoint": {"address": {"socket_address": address}}}
    assignment = {"cluster_name": "collector", "endpoints": [{"lb_endpoints": [endpoint]}]}
    resources["clusters"].append({"name": "collector", "type": "STATIC", "load_assignment": assignment})
    manager = resources["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    uri = {"uri": collector.url, "cluster": "collector", "timeout": "1s"}
    manager["tracing"] = {
        "provider": {
            "name": "envoy.tracers.opentelemetry",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
                "service_name": "envoy",
                "http_service": {"http_uri": uri},
            },
        }
    }
    settings = stack.layout.directory / "envoy-tracing.yaml"
    write_yaml(settings, configuration)
    envoy = services.envoy("envoy-tracing", settings, stack.layout.log("envoy-tracing"), f"http://{admin}")
    stack.supervisor.start(envoy)
    stack.supervisor.wait_until_ready(envoy)
    return f"http://{listen}"


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_in_a_trace_that_envoy_begins(tracing_envoy: tuple[Running, str], collector: Collector) -> None:
    stack, url = tracing_envoy
    before = {span.trace for span in collector.spans}
    assert send(url, PLAIN, [stack.issue().header]).status == 200

    def both_sides() -> bool:
        new = [span for span in collector.spans if span.trace not in before]
        return {"envoy", "extauth"} <= {span.service for span in new}

    eventually(both_sides, PATIENCE)
    ours = next(span for span in collector.spans if span.trace not in before and span.service == "extauth")
    envoys = {span.id for span in collector.of_trace(ours.trace) if span.service == "envoy"}
    assert ours.parent in envoys
