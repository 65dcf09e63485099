"""gRPC requests through Envoy: a denial arrives as a gRPC status, not as an HTTP one."""

from tests.e2e import http2
from tests.e2e.answer import Answer
from tests.e2e.running import Running
from tests.e2e.scenario import PER_KEY, PER_KEY_BURST, PLAIN

_GRPC = ("content-type", "application/grpc")


def call(stack: Running, path: str, *headers: tuple[str, str]) -> Answer:
    return http2.send(stack.url, path, [_GRPC, *headers], method="POST", body=b"\0\0\0\0\0")


def status_of(answer: Answer) -> tuple[int, str | None, str | None, bytes]:
    return answer.status, answer.header("grpc-status"), answer.header("grpc-message"), answer.body


def test_denials(stack: Running) -> None:
    assert status_of(call(stack, PLAIN)) == (200, "16", "An API key is required.", b"")
    key = stack.issue().header
    assert status_of(call(stack, "/scoped", key)) == (200, "7", "The API key does not permit this request.", b"")


def test_an_empty_bucket(stack: Running) -> None:
    key = stack.issue().header
    answers = [call(stack, PER_KEY, key) for _ in range(10 * PER_KEY_BURST)]
    assert status_of(answers[-1]) == (200, "8", "Too many requests.", b"")
    assert answers[-1].header("retry-after") == "1"


def test_a_call_that_passes(stack: Running) -> None:
    key = stack.issue()
    answer = call(stack, "/shop.v1.Orders/List", key.header)
    assert answer.status == 200
    assert (answer.json["method"], answer.json["path"]) == ("POST", "/shop.v1.Orders/List")
    assert answer.upstream_header("x-auth-key-id") == [key.id]


def test_grpc_web_gets_plain_http(stack: Running) -> None:
    answer = http2.send(stack.url, PLAIN, [("content-type", "application/grpc-web+proto")], method="POST", body=b"\0")
    assert (answer.status, answer.reason) == (401, "missing_key")
