"""Clients that speak gRPC through Envoy: each refusal is a status of theirs, with a short message."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import grpc
import pytest

from extauth.keys.token import generate
from tests.e2e.eventually import eventually
from tests.e2e.running import Running
from tests.e2e.scenario import BEARER, PER_KEY, PER_KEY_BURST, SCOPED

_METHOD = "/shop.v1.Orders/List"


@contextmanager
def connected(stack: Running) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(urlsplit(stack.url).netloc) as channel:
        yield channel


@pytest.fixture
def channel(stack: Running) -> Iterator[grpc.Channel]:
    with connected(stack) as channel:
        yield channel


def refusal(channel: grpc.Channel, method: str, *metadata: tuple[str, str]) -> grpc.RpcError:
    """What a call ends with. The upstream speaks no gRPC, so a call that passes ends with UNKNOWN."""
    call = channel.unary_unary(method, request_serializer=bytes, response_deserializer=bytes)
    with pytest.raises(grpc.RpcError) as refused:
        call(b"", metadata=metadata, timeout=10)
    return refused.value


def status(error: grpc.RpcError) -> tuple[grpc.StatusCode, str]:
    return error.code(), error.details()


@pytest.mark.parametrize(
    ("headers", "message"),
    [([], "An API key is required."), ([("x-api-key", "nonsense")], "The API key is malformed.")],
)
def test_unauthenticated(channel: grpc.Channel, headers: list[tuple[str, str]], message: str) -> None:
    assert status(refusal(channel, _METHOD, *headers)) == (grpc.StatusCode.UNAUTHENTICATED, message)


def test_an_unknown_and_a_revoked_key(stack: Running, channel: grpc.Channel) -> None:
    error = refusal(channel, _METHOD, ("x-api-key", str(generate("e2e"))))
    assert status(error) == (grpc.StatusCode.UNAUTHENTICATED, "The API key is not valid.")
    key = stack.issue()
    assert refusal(channel, _METHOD, key.header).code() is grpc.StatusCode.UNKNOWN
    stack.keys("revoke", key.id)
    expected = (grpc.StatusCode.UNAUTHENTICATED, "The API key has been revoked.")
    eventually(lambda: status(refusal(channel, _METHOD, key.header)) == expected, 4)


def test_a_missing_scope(stack: Running, channel: grpc.Channel) -> None:
    key = stack.issue(scopes=["orders:write"])
    error = refusal(channel, f"{SCOPED}/List", key.header)
    assert status(error) == (grpc.StatusCode.PERMISSION_DENIED, "The API key does not permit this request.")
    assert (
        refusal(channel, f"{SCOPED}/List", stack.issue(scopes=["orders:read"]).header).code() is grpc.StatusCode.UNKNOWN
    )


def test_no_api(stack: Running) -> None:
    with grpc.insecure_channel(
        urlsplit(stack.url).netloc, options=[("grpc.default_authority", "elsewhere.test")]
    ) as elsewhere:
        error = refusal(elsewhere, _METHOD, stack.issue().header)
    assert status(error) == (grpc.StatusCode.PERMISSION_DENIED, "No API is served here.")


def test_a_limit(stack: Running, channel: grpc.Channel) -> None:
    """RESOURCE_EXHAUSTED and not Envoy's UNAVAILABLE, at which clients would try again at once."""
    key = stack.issue()
    errors = [refusal(channel, f"{PER_KEY}/List", key.header) for _ in range(3 * PER_KEY_BURST)]
    refused = [error for error in errors if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED]
    assert {error.code() for error in errors} == {grpc.StatusCode.UNKNOWN, grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert refused[-1].details() == "Too many requests."
    told = dict([*refused[-1].initial_metadata(), *refused[-1].trailing_metadata()])
    assert (told["retry-after"], told["x-ratelimit-limit"]) == ("1", str(PER_KEY_BURST))


def test_a_bearer_is_not_told_in_json(channel: grpc.Channel) -> None:
    error = refusal(channel, f"{BEARER}/List", ("authorization", "Bearer nonsense"))
    assert status(error) == (grpc.StatusCode.UNAUTHENTICATED, "The API key is malformed.")


def test_faults_of_ours(own_stack: Running) -> None:
    """UNAVAILABLE, whether the sidecar says so or is itself not there."""
    key = own_stack.issue().header
    own_stack.supervisor["redis"].kill()
    with connected(own_stack) as channel:
        error = refusal(channel, _METHOD, key)
        assert status(error) == (grpc.StatusCode.UNAVAILABLE, "The API key cannot be checked now. Try again.")
        own_stack.supervisor["sidecar"].kill()
        assert refusal(channel, _METHOD, key).code() is grpc.StatusCode.UNAVAILABLE
