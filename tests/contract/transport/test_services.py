"""Health and reflection beside Check."""

from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from extauth.serving.lean_services import HAS_LIST
from extauth.serving.transport import CHECK_SERVICE
from extauth.wire.envoy.service.auth.v3.external_auth_pb2 import DESCRIPTOR
from tests.contract.transport.conftest import Serve, Served
from tests.support.wait import wait_until
from tests.support.wire_client import WireClient, framed

_HEALTH = "/grpc.health.v1.Health"
_REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
_Status = health_pb2.HealthCheckResponse
_MOST = 1_000_000  # bytes


def test_health_is_served_by_name(channel: grpc.Channel) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    for service in ("", CHECK_SERVICE):
        reply = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=10)
        assert reply.status == _Status.SERVING


def test_health_of_a_service_that_is_not_known(channel: grpc.Channel) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    request = health_pb2.HealthCheckRequest(service="other.Service")
    with pytest.raises(grpc.RpcError) as caught:
        health.Check(request, timeout=10)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    watch = health.Watch(request, timeout=10)
    assert next(watch).status == _Status.SERVICE_UNKNOWN
    watch.cancel()


@pytest.mark.skipif(not HAS_LIST, reason="this grpcio-health-checking does not know it yet")
def test_health_of_all_services_in_one_answer(client: WireClient) -> None:
    listed = health_pb2.HealthListResponse.FromString(client.ask(b"", f"{_HEALTH}/List").message)
    assert {name: found.status for name, found in listed.statuses.items()} == {
        "": _Status.SERVING,
        CHECK_SERVICE: _Status.SERVING,
    }


def test_health_watchers_are_told_of_a_drain_while_checks_go_on(serve: Serve, path: Path) -> None:
    transport = serve(f"unix:{path}")
    with grpc.insecure_channel(f"unix:{path}") as channel, WireClient(f"unix:{path}") as client:
        health = health_pb2_grpc.HealthStub(channel)
        watches = [health.Watch(health_pb2.HealthCheckRequest(), timeout=10) for _ in range(3)]
        assert {next(watch).status for watch in watches} == {_Status.SERVING}
        watches.pop().cancel()
        transport.drain()
        assert {next(watch).status for watch in watches} == {_Status.NOT_SERVING}
        late = health.Watch(health_pb2.HealthCheckRequest(), timeout=10)
        assert next(late).status == _Status.NOT_SERVING
        assert client.ask(b"still served").message == b"still served"
        transport.stop(grace=0.2)
        for watch in (*watches, late):
            with pytest.raises(grpc.RpcError):
                next(watch)


def test_watchers_that_leave_are_forgotten(serve: Serve, path: Path) -> None:
    transport = serve(f"unix:{path}")
    for _ in range(50):
        with WireClient(f"unix:{path}") as client:
            stream = client.call(b"", f"{_HEALTH}/Watch")
            client.receive_until(lambda stream=stream, client=client: client.replies[stream].data)
            client.reset(stream)
            client.ask(b"hello")
    wait_until(lambda: _watchers_of(transport) == 0)


@pytest.mark.parametrize("method", [f"{_HEALTH}/Check", f"{_HEALTH}/Watch", _REFLECTION])
def test_a_request_that_cannot_be_read_is_refused(client: WireClient, method: str) -> None:
    for message in (b"\xff\xff\xff", b"\x0a\xff"):
        assert (client.ask(message, method).status or 0) > 0
    assert client.ask(b"still there").message == b"still there"


@pytest.mark.parametrize("method", [f"{_HEALTH}/Check", f"{_HEALTH}/List", f"{_HEALTH}/Watch"])
def test_a_request_without_a_message_is_refused(client: WireClient, method: str) -> None:
    assert (client.reply(client.open(method, end=True)).status or 0) > 0
    assert client.ask(b"still there").message == b"still there"


def test_reflection_describes_the_service_under_envoys_name(channel: grpc.Channel) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    requests = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol=CHECK_SERVICE),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="no.such.Service"),
    ]
    listed, described, unknown = stub.ServerReflectionInfo(iter(requests), timeout=10)
    names = {service.name for service in listed.list_services_response.service}
    assert {CHECK_SERVICE, "grpc.health.v1.Health"} <= names
    assert DESCRIPTOR.serialized_pb in described.file_descriptor_response.file_descriptor_proto
    assert unknown.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


def test_reflection_reads_no_faster_than_its_client(served: Served) -> None:
    """Questions whose answers nobody takes must not pile up in memory."""
    question = reflection_pb2.ServerReflectionRequest(file_containing_symbol=CHECK_SERVICE).SerializeToString()
    questions = framed(question) * 100
    with WireClient(served.tcp) as client:
        client.take_nothing()
        stream = client.open(_REFLECTION)
        sent = 0
        while client.has_room(stream, len(questions), seconds=0.5):
            client.send(stream, questions, end=False)
            sent += len(questions)
            assert sent < _MOST
        client.reset(stream)


def _watchers_of(transport: object) -> int:
    health = transport._health  # type: ignore[attr-defined]
    return len(health._watchers) if hasattr(health, "_watchers") else len(health._send_response_callbacks[""])
