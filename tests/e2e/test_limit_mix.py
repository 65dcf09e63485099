"""Limits by what requests say, behind real Envoy."""

import uuid
from ipaddress import IPv6Address

from tests.e2e.answer import Headers, Send
from tests.e2e.running import IssuedKey, Running
from tests.e2e.scenario import MIXED


def statuses(stack: Running, send: Send, key: IssuedKey, path: str, *requests: tuple[str, Headers]) -> list[int]:
    """Of requests by method, with further headers."""
    return [
        send(stack.url, f"{MIXED}/{path}", [key.header, *headers], method=method).status for method, headers in requests
    ]


def test_routes_of_a_tenant_and_what_requests_cost(stack: Running, send: Send) -> None:
    first = stack.issue()
    second = stack.issue(first.tenant)
    assert statuses(stack, send, first, "items/1", ("POST", []), ("GET", []), ("POST", [])) == [200, 200, 429]
    assert statuses(stack, send, second, "items/2", ("GET", []), ("GET", []), ("GET", [])) == [200, 200, 429]
    assert statuses(stack, send, second, "parts/2", ("POST", []), ("POST", []), ("GET", [])) == [200, 200, 429]
    assert statuses(stack, send, first, "others/2", ("POST", [])) == [200]


def test_clients_behind_a_trusted_proxy(stack: Running, send: Send) -> None:
    network = uuid.uuid4().int >> 64 << 64  # nobody else's

    def via(host: int, made_up: str = "") -> tuple[str, Headers]:
        return "GET", [("x-forwarded-for", f"{made_up}{IPv6Address(network | host)}")]

    neighbour = IPv6Address(network ^ (1 << 64))
    asked = [via(1), via(2), via(3), via(4, made_up="192.0.2.1, "), ("GET", [("x-forwarded-for", str(neighbour))])]
    assert statuses(stack, send, stack.issue(), "address", *asked) == [200, 200, 429, 429, 200]


def test_values_of_a_header(stack: Running, send: Send) -> None:
    asked: list[tuple[str, Headers]] = [
        ("GET", headers) for headers in ([("x-team", "a")], [("x-team", "b")], [], [("x-team", "a")], [])
    ]
    assert statuses(stack, send, stack.issue(), "team", *asked) == [200, 200, 200, 429, 429]


def test_a_keys_own_quota_and_what_is_told_of_it(stack: Running, send: Send) -> None:
    few = stack.issue()
    many = stack.issue(few.tenant, limits=[{"name": "daily", "rate": "3/d"}])
    assert statuses(stack, send, few, "daily", *[("GET", [])] * 3) == [200, 200, 429]
    answers = [send(stack.url, f"{MIXED}/daily", [many.header]) for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert {answer.header("x-ratelimit-limit") for answer in answers} == {"3"}
    assert {int(str(answer.header("x-ratelimit-reset"))) % 86_400 for answer in answers} == {0}


def test_keys_on_a_plan_share_its_limit_in_their_tenant_and_others_have_theirs(stack: Running, send: Send) -> None:
    plan = f"plan-{uuid.uuid4().hex[:12]}"
    stack.client.call("POST", "/v1/plans", {"name": plan, "limits": [{"name": "daily", "rate": "3/d"}]})
    first = stack.issue(plan=plan)
    second, other = stack.issue(first.tenant, plan=plan), stack.issue(first.tenant)
    assert statuses(stack, send, first, "daily", *[("GET", [])] * 2) == [200, 200]
    assert statuses(stack, send, second, "daily", *[("GET", [])] * 2) == [200, 429]
    assert statuses(stack, send, other, "daily", *[("GET", [])] * 3) == [200, 200, 429]
