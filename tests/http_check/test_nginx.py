"""nginx with deploy/gateways/nginx: what a client gets and what the upstream sees, as through Envoy."""

from pathlib import Path

import pytest

from extauth.keys.token import generate
from tests.e2e.http1 import send
from tests.e2e.scenario import PER_KEY, PER_KEY_BURST, PLAIN, SCOPED
from tests.http_check.proxies import start_nginx
from tests.http_check.stacks import Checked

pytestmark = pytest.mark.slow  # they need nginx

UNKNOWN_KEY = str(generate("e2e"))
LIES = [
    ("X-Original-Method", "GET"),
    ("X-Original-URI", "/"),
    ("X-Original-Host", "127.0.0.1"),
    ("X-Forwarded-Uri", "/"),
    ("X-Auth-Tenant", "root"),
    ("X-Auth-Key-Id", "root"),
]


@pytest.fixture(scope="module")
def url(checked: Checked, tmp_path_factory: pytest.TempPathFactory) -> str:
    return start_nginx(checked, tmp_path_factory.mktemp("nginx"))


def test_a_good_key_passes_and_the_upstream_learns_whose_it_is(checked: Checked, url: str) -> None:
    key = checked.stack.issue(tenant="globex")
    answer = send(url, "/orders?page=2", [key.header, ("x-mine", "1")], method="POST", body=b"hello")
    assert answer.status == 200
    assert (answer.json["method"], answer.json["path"], answer.json["body_length"]) == ("POST", "/orders?page=2", 5)
    assert answer.upstream_header("x-auth-key-id") == [key.id]
    assert answer.upstream_header("x-auth-tenant") == ["globex"]
    assert answer.upstream_header("x-api-key") == []
    assert answer.upstream_header("x-mine") == ["1"]


def test_a_clients_own_words_are_replaced(checked: Checked, url: str) -> None:
    key = checked.stack.issue(tenant="globex")
    assert send(url, SCOPED, [key.header, *LIES]).reason == "missing_scope"
    answer = send(url, PLAIN, [key.header, *LIES, *LIES])
    assert answer.status == 200
    assert answer.upstream_header("x-auth-tenant") == ["globex"]
    assert answer.upstream_header("x-auth-key-id") == [key.id]


@pytest.mark.parametrize(
    ("path", "key", "status", "reason"),
    [
        (PLAIN, "", 401, "missing_key"),
        (PLAIN, UNKNOWN_KEY, 401, "invalid_key"),
        ("/a;b", UNKNOWN_KEY, 400, "bad_request"),
    ],
    ids=["missing", "unknown", "unclear path"],
)
def test_denials_arrive_whole(checked: Checked, url: str, path: str, key: str, status: int, reason: str) -> None:
    headers = [("x-api-key", key)] if key else []
    answer, expected = send(url, path, headers), checked.ask(path, headers)
    assert (answer.status, answer.reason, answer.body) == (status, reason, expected.body)
    for name in ("www-authenticate", "content-type", "cache-control"):
        assert answer.header(name) == expected.header(name), name


def test_a_host_that_no_api_has(url: str) -> None:
    answer = send(url, PLAIN, [("host", "nobody.test"), ("x-api-key", UNKNOWN_KEY)])
    assert (answer.status, answer.reason) == (403, "no_policy")


def test_limits_arrive_with_their_headers(checked: Checked, url: str) -> None:
    key = checked.stack.issue()
    answers = [send(url, PER_KEY, [key.header]) for _ in range(PER_KEY_BURST + 5)]
    assert {answer.status for answer in answers} == {200, 429}
    assert all(answer.header("x-ratelimit-limit") == str(PER_KEY_BURST) for answer in answers)
    limited = next(answer for answer in answers if answer.status == 429)
    assert (limited.reason, limited.header("retry-after")) == ("rate_limited", "1")


def test_a_key_in_two_headers_is_none(checked: Checked, url: str) -> None:
    key = checked.stack.issue()
    assert send(url, PLAIN, [key.header, key.header]).reason == "ambiguous_key"


def test_without_a_sidecar_nobody_passes(checked: Checked, tmp_path: Path) -> None:
    key = checked.stack.issue()
    answer = send(start_nginx(checked, tmp_path, sidecar=f"unix:{tmp_path}/nobody.sock"), PLAIN, [key.header])
    assert (answer.status, answer.reason) == (503, "unavailable")


def test_the_check_cannot_be_called_from_outside(url: str) -> None:
    assert send(url, "/_check").status == 404
