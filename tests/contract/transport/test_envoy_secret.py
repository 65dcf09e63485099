"""The secret that Envoy sends: without it nothing is decided, and the answer is a denial that nothing turns around."""

from collections.abc import Callable, Iterator, Sequence

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from extauth.policy.envoy_secret import EnvoySecretSettings
from extauth.serving.envoy_secret import EnvoySecret
from extauth.settings.values import SecretError
from tests.contract.transport.conftest import Serve
from tests.support.wire_client import CHECK

HEADER = "x-extauth-secret"
OLD, NEW = "the secret of last year", "the secret of this year"
Ask = Callable[[Sequence[tuple[str, str]]], bytes]


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> EnvoySecret:
    monkeypatch.setenv("OLD", OLD)
    monkeypatch.setenv("NEW", NEW)
    return EnvoySecret(EnvoySecretSettings.model_validate({"accepted": [{"env": "OLD"}, {"env": "NEW"}]}))


@pytest.fixture
def channel(serve: Serve, secret: EnvoySecret, tmp_path_factory: pytest.TempPathFactory) -> Iterator[grpc.Channel]:
    address = f"unix:{tmp_path_factory.mktemp('secret')}/x.sock"
    serve(address, secret=secret)
    with grpc.insecure_channel(address) as channel:
        yield channel


@pytest.fixture
def ask(channel: grpc.Channel) -> Ask:
    check: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(CHECK)
    return lambda metadata: check(b"here", timeout=10, metadata=tuple(metadata))


@pytest.mark.parametrize("sent", [OLD, NEW])
def test_either_secret_is_accepted_while_one_takes_the_place_of_the_other(ask: Ask, sent: str) -> None:
    assert ask([("x-other", "a"), (HEADER, sent)]) == b"here"


@pytest.mark.parametrize(
    "metadata",
    [
        [],
        [(HEADER, "")],
        [(HEADER, NEW[:-1])],
        [(HEADER, NEW + "x")],
        [("x-other", NEW)],
        [(HEADER, NEW), (HEADER, NEW)],
        [(HEADER, "wrong"), (HEADER, NEW)],
    ],
    ids=["none", "empty", "shorter", "longer", "another name", "twice", "beside a wrong one"],
)
def test_anything_else_is_not_decided(ask: Ask, metadata: Sequence[tuple[str, str]]) -> None:
    assert ask(metadata) == b"untrusted: here"


def test_health_is_told_to_all(channel: grpc.Channel) -> None:
    answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_a_short_secret_is_refused_and_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHORT", "guess-me")
    with pytest.raises(SecretError, match="fewer than 16") as raised:
        EnvoySecret(EnvoySecretSettings.model_validate({"accepted": [{"env": "SHORT"}]}))
    assert "guess-me" not in str(raised.value)
