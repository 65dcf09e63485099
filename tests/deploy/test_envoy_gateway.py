"""The manifests for Envoy Gateway, under a real one: what clients get and what the API sees."""

from collections.abc import Iterator

import pytest

from extauth.keys.token import generate
from tests.deploy.envoy_gateway import gateway_before_a_stack
from tests.e2e.answer import Answer, Headers
from tests.e2e.eventually import eventually
from tests.e2e.http1 import send
from tests.e2e.running import Running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

HOST = ("Host", "api.example.com")
LIES = [("X-Auth-Tenant", "root"), ("X-Auth-Key-Id", "root")]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, str]]:
    with gateway_before_a_stack(tmp_path_factory.mktemp("gateway")) as found:
        yield found


def ask(url: str, headers: Headers = (), path: str = "/orders") -> Answer:
    return send(url, path, [HOST, *headers])


def test_a_good_key_passes_and_the_api_learns_whose_it_is(gateway: tuple[Running, str]) -> None:
    stack, url = gateway
    key = stack.issue(tenant="globex", scopes=["read"])
    answer = ask(url, [key.header, *LIES])
    assert answer.status == 200
    assert answer.upstream_header("x-auth-key-id") == [key.id]
    assert answer.upstream_header("x-auth-tenant") == ["globex"]


@pytest.mark.parametrize(
    ("headers", "status", "reason"),
    [([], 401, "missing_key"), ([("x-api-key", str(generate("acme")))], 401, "invalid_key")],
    ids=["no key", "unknown key"],
)
def test_others_are_told_why_not(gateway: tuple[Running, str], headers: Headers, status: int, reason: str) -> None:
    answer = ask(gateway[1], headers)
    assert (answer.status, answer.reason) == (status, reason)


def test_a_key_without_the_scope_is_forbidden_and_a_revoked_one_refused(gateway: tuple[Running, str]) -> None:
    stack, url = gateway
    assert ask(url, [stack.issue().header]).reason == "missing_scope"
    key = stack.issue(scopes=["read"])
    assert ask(url, [key.header]).status == 200
    stack.keys("revoke", key.id, "--reason", "of a test")
    eventually(lambda: ask(url, [key.header]).reason == "revoked_key", 10)


def test_a_path_of_two_meanings_is_refused(gateway: tuple[Running, str]) -> None:
    stack, url = gateway
    key = stack.issue(scopes=["read"])
    assert ask(url, [key.header], "/orders%2F1").status == 400
    assert ask(url, [key.header], "/orders/1").status == 200


def test_when_no_sidecar_answers_it_is_an_outage(gateway: tuple[Running, str]) -> None:
    """The last one: it stops the sidecar."""
    stack, url = gateway
    key = stack.issue(scopes=["read"])
    assert ask(url, [key.header]).status == 200
    stack.supervisor["sidecar"].stop(10)
    answer = ask(url, [key.header])
    assert answer.status == 503
    assert answer.body in {b"", b"Service Unavailable"}
