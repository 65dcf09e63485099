"""What `/check` says, and whom it believes."""

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from extauth.keys.token import generate
from extauth.policy.http_check import HttpCheckSettings
from tests.e2e.answer import Headers
from tests.e2e.eventually import eventually
from tests.e2e.http1 import send
from tests.e2e.scenario import CONTEXT, PER_KEY, PER_KEY_BURST, PLAIN, SCOPED
from tests.http_check.stacks import Checked, checked_stack, connect

UNKNOWN_KEY = str(generate("e2e"))
LIES: Headers = [
    ("x-forwarded-method", "DELETE"),
    ("x-forwarded-uri", "/nowhere"),
    ("x-forwarded-host", "other.test"),
]


def test_a_good_key_and_who_has_it(checked: Checked) -> None:
    key = checked.stack.issue(tenant="globex")
    answer = checked.ask("/orders?page=2", [key.header])
    assert (answer.status, answer.body) == (200, b"")
    assert (answer.header("x-auth-key-id"), answer.header("x-auth-tenant")) == (key.id, "globex")


@pytest.mark.parametrize(
    ("path", "header", "status", "reason"),
    [
        (PLAIN, "", 401, "missing_key"),
        (PLAIN, "nonsense", 401, "malformed_key"),
        (PLAIN, UNKNOWN_KEY, 401, "invalid_key"),
        ("/a//b", UNKNOWN_KEY, 400, "bad_request"),
    ],
    ids=["missing", "malformed", "unknown", "unclear path"],
)
def test_the_same_denials_as_through_envoy(checked: Checked, path: str, header: str, status: int, reason: str) -> None:
    headers = [("x-api-key", header)] if header else []
    answer, through_envoy = checked.ask(path, headers), send(checked.stack.url, path, headers)
    assert (answer.status, answer.reason) == (status, reason)
    ours = {name: value for name, value in answer.headers if name not in {"x-extauth-body", "connection"}}
    theirs = {name: value for name, value in through_envoy.headers if name not in {"date", "server"}}
    if status == 401:  # Envoy itself refuses the other, before it asks
        assert (ours, answer.body) == (theirs, through_envoy.body)
    assert answer.header("x-extauth-body") == answer.body.decode()


def test_scopes_hosts_and_context(checked: Checked) -> None:
    key = checked.stack.issue()
    gold = checked.stack.issue(scopes=["gold"])
    assert checked.ask(SCOPED, [key.header]).reason == "missing_scope"
    assert checked.ask(PLAIN, [key.header], host="nobody.test").reason == "no_policy"
    assert checked.ask(PLAIN, [key.header], host="a.example.test:8443").status == 200
    assert checked.ask(CONTEXT, [key.header], host="nobody.test", query="?tier=gold").reason == "missing_scope"
    assert checked.ask(CONTEXT, [gold.header], host="nobody.test", query="?tier=gold").status == 200


def test_limits(checked: Checked) -> None:
    key = checked.stack.issue()
    answers = [checked.ask(PER_KEY, [key.header]) for _ in range(PER_KEY_BURST + 5)]
    assert answers[0].header("x-ratelimit-limit") == str(PER_KEY_BURST)
    limited = [answer for answer in answers if answer.status == 429]
    assert limited
    assert limited[0].reason == "rate_limited"
    assert limited[0].header("retry-after") == "1"


def test_a_revoked_key(checked: Checked) -> None:
    key = checked.stack.issue()
    assert checked.ask(PLAIN, [key.header]).status == 200
    checked.stack.client.call("POST", f"/v1/keys/{key.id}/revoke", {"reason": "of a test"})
    eventually(lambda: checked.ask(PLAIN, [key.header]).reason == "revoked_key", 10)


def test_headers_of_the_other_kind_are_not_believed(checked: Checked) -> None:
    key = checked.stack.issue()
    assert checked.ask(SCOPED, [key.header, *LIES]).reason == "missing_scope"
    assert checked.ask(PLAIN, [key.header, *LIES]).status == 200


@pytest.mark.slow
def test_forwarded_headers_and_the_other_kind_the_other_way_round(forwarded: Checked) -> None:
    key = forwarded.stack.issue()
    lies = [(name.replace("forwarded", "original"), value) for name, value in LIES]
    assert forwarded.ask(SCOPED, [key.header, *lies]).reason == "missing_scope"
    assert forwarded.ask(PLAIN, [key.header, *lies]).status == 200
    assert forwarded.ask(PLAIN).header("x-extauth-body") is None


@pytest.mark.parametrize("twice", ["x-original-method", "x-original-uri", "x-original-host"])
def test_a_request_that_is_told_of_twice_or_not_at_all(checked: Checked, twice: str) -> None:
    key = checked.stack.issue()
    assert checked.ask(PLAIN, [key.header, (twice, "/unchecked")]).reason == "bad_request"
    told = [("x-original-method", "GET"), ("x-original-uri", "/"), ("x-original-host", "127.0.0.1")]
    without = [pair for pair in told if pair[0] != twice]
    assert checked.send([key.header, *without]).reason == "bad_request"
    log = checked.stack.layout.log("sidecar").read_text()
    assert log.count("proxy_does_not_tell_of_the_request") == 1


def test_a_key_in_two_headers_is_none(checked: Checked) -> None:
    key = checked.stack.issue()
    assert checked.ask(PLAIN, [key.header, key.header]).reason == "ambiguous_key"


def test_nothing_else_is_there(checked: Checked) -> None:
    for target in ("/", "/check/", "/metrics", "/healthz"):
        assert checked.send([], target).status == 404


def test_many_on_one_connection(checked: Checked) -> None:
    key = checked.stack.issue()
    connection = connect(checked.address)
    told = {"x-original-method": "GET", "x-original-uri": "/", "x-original-host": "127.0.0.1"}
    try:
        for headers, status in [({"x-api-key": key.secret}, 200), ({}, 401)] * 20:
            connection.request("GET", "/check", headers={**told, **headers})
            response = connection.getresponse()
            response.read()
            assert response.status == status
    finally:
        connection.close()


def test_the_socket_has_its_mode(checked: Checked) -> None:
    assert Path(checked.address.removeprefix("unix:")).stat().st_mode & 0o777 == 0o660


def test_an_address_without_its_kind_of_headers_is_refused() -> None:
    with pytest.raises(ValidationError, match="x-original"):
        HttpCheckSettings.model_validate({"listen": ["127.0.0.1:0"]})
    assert HttpCheckSettings().listen == ()


@pytest.mark.slow
def test_each_worker_has_a_socket_of_its_own(tmp_path: Path) -> None:
    with checked_stack(tmp_path, f"unix:{tmp_path}/http.sock", "x-original", {"workers": 2}) as found:
        key = found.stack.issue()
        for worker in range(2):
            one = replace(found, address=f"unix:{tmp_path}/http-{worker}.sock")
            eventually(lambda one=one: one.ask(PLAIN, [key.header]).status == 200, 10)
            assert one.ask(PLAIN).reason == "missing_key"
