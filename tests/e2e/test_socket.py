"""The sidecar's own socket, asked by stock gRPC clients and by clients that send rubbish."""

import os
from collections.abc import Iterator

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from extauth.wire.envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse
from tests.e2e.running import Running

_CHECK = "/envoy.service.auth.v3.Authorization/Check"
_PATIENCE = 30  # seconds
_WITHOUT_HTTP = CheckRequest()
_WITHOUT_HTTP.attributes.source.address.socket_address.address = "192.0.2.1"
_WITHOUT_PATH = CheckRequest()
_WITHOUT_PATH.attributes.request.http.method = "GET"
_UNKNOWN_FIELDS_ONLY = b"\xfa\x3f\x03abc"
_INVALID_TEXT = b"\x0a\x06\x22\x04\x12\x02\x12\xff"
"""A CheckRequest whose innermost length is wrong."""


@pytest.fixture
def channel(stack: Running) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(stack.layout.sidecar) as channel:
        yield channel


def check(channel: grpc.Channel, message: bytes) -> CheckResponse:
    answer = channel.unary_unary(_CHECK)(message, timeout=_PATIENCE)
    return CheckResponse.FromString(answer)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff\xff\xff",
        b"not protobuf",
        os.urandom(64),
        _UNKNOWN_FIELDS_ONLY,
        _INVALID_TEXT,
        _WITHOUT_HTTP.SerializeToString(),
        _WITHOUT_PATH.SerializeToString(),
    ],
    ids=["empty", "junk", "text", "random", "unknown fields", "cut", "no http", "no path"],
)
def test_what_is_no_request_is_refused(channel: grpc.Channel, message: bytes) -> None:
    answer = check(channel, message)
    assert answer.status.code != 0
    assert answer.denied_response.status.code == 400


def test_a_message_that_is_too_large_is_not_answered(channel: grpc.Channel) -> None:
    """An error of the call: Envoy makes it a 503."""
    with pytest.raises(grpc.RpcError) as refused:
        check(channel, b"\xfa\x3f\x80\x80\x80\x01" + bytes(2 * 1024 * 1024))
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_reflection_tells_a_stranger_how_to_ask(stack: Running, channel: grpc.Channel) -> None:
    """The message types come from the sidecar, as grpcurl would get them."""
    database = ProtoReflectionDescriptorDatabase(channel)
    assert {"envoy.service.auth.v3.Authorization", "grpc.health.v1.Health"} <= set(database.get_services())
    pool = DescriptorPool(database)
    method = pool.FindServiceByName("envoy.service.auth.v3.Authorization").FindMethodByName("Check")
    request: Message = GetMessageClass(method.input_type)()
    key = stack.issue()
    http = request.attributes.request.http
    http.method, http.path, http.host = "GET", "/", "127.0.0.1"
    http.headers["x-api-key"] = key.secret
    answer = GetMessageClass(method.output_type).FromString(
        channel.unary_unary(_CHECK)(request.SerializeToString(), timeout=_PATIENCE)
    )
    assert answer.status.code == 0
    assert {option.header.key: option.header.value for option in answer.ok_response.headers} == {
        "x-auth-key-id": key.id,
        "x-auth-tenant": key.tenant,
    }
    assert list(answer.ok_response.headers_to_remove) == ["x-api-key"]


@pytest.mark.parametrize("service", ["", "envoy.service.auth.v3.Authorization"])
def test_health(channel: grpc.Channel, service: str) -> None:
    stub = health_pb2_grpc.HealthStub(channel)
    request = health_pb2.HealthCheckRequest(service=service)
    assert stub.Check(request, timeout=_PATIENCE).status == health_pb2.HealthCheckResponse.SERVING
    watch = stub.Watch(request, timeout=_PATIENCE)
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    watch.cancel()
    with pytest.raises(grpc.RpcError) as unknown:
        stub.Check(health_pb2.HealthCheckRequest(service="nobody"), timeout=_PATIENCE)
    assert unknown.value.code() is grpc.StatusCode.NOT_FOUND
