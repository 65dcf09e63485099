"""Traefik with deploy/gateways/traefik: what a client gets and what the upstream sees."""

import pytest

from extauth.keys.token import generate
from tests.e2e.http1 import send
from tests.e2e.scenario import PER_KEY, PER_KEY_BURST, PLAIN, SCOPED
from tests.http_check.proxies import start_traefik
from tests.http_check.stacks import Checked

pytestmark = pytest.mark.slow

UNKNOWN_KEY = str(generate("e2e"))
LIES = [
    ("X-Forwarded-Method", "GET"),
    ("X-Forwarded-Uri", "/"),
    ("X-Forwarded-Host", "127.0.0.1"),
    ("X-Original-URI", "/"),
    ("X-Auth-Tenant", "root"),
    ("X-Auth-Key-Id", "root"),
]


@pytest.fixture(scope="module")
def url(forwarded: Checked, tmp_path_factory: pytest.TempPathFactory) -> str:
    return start_traefik(forwarded, tmp_path_factory.mktemp("traefik"))


def test_a_good_key_passes_and_the_upstream_learns_whose_it_is(forwarded: Checked, url: str) -> None:
    key = forwarded.stack.issue(tenant="globex")
    answer = send(url, "/orders?page=2", [key.header, *LIES], method="POST", body=b"hello")
    assert answer.status == 200
    assert (answer.json["method"], answer.json["path"], answer.json["body_length"]) == ("POST", "/orders?page=2", 5)
    assert answer.upstream_header("x-auth-key-id") == [key.id]
    assert answer.upstream_header("x-auth-tenant") == ["globex"]
    assert answer.upstream_header("x-api-key") == []


def test_a_clients_own_words_do_not_choose_what_is_checked(forwarded: Checked, url: str) -> None:
    key = forwarded.stack.issue()
    assert send(url, SCOPED, [key.header, *LIES]).reason == "missing_scope"
    assert send(url, SCOPED, [key.header, *LIES, *LIES]).reason == "missing_scope"


@pytest.mark.parametrize(
    ("path", "key", "status", "reason"),
    [
        (PLAIN, "", 401, "missing_key"),
        (PLAIN, UNKNOWN_KEY, 401, "invalid_key"),
        ("/a;b", UNKNOWN_KEY, 400, "bad_request"),
    ],
    ids=["missing", "unknown", "unclear path"],
)
def test_denials_arrive_whole(forwarded: Checked, url: str, path: str, key: str, status: int, reason: str) -> None:
    headers = [("x-api-key", key)] if key else []
    answer, expected = send(url, path, headers), forwarded.ask(path, headers)
    assert (answer.status, answer.reason, answer.body) == (status, reason, expected.body)
    for name in ("www-authenticate", "content-type", "cache-control"):
        assert answer.header(name) == expected.header(name), name


def test_limits_arrive(forwarded: Checked, url: str) -> None:
    key = forwarded.stack.issue()
    answers = [send(url, PER_KEY, [key.header]) for _ in range(PER_KEY_BURST + 5)]
    assert {answer.status for answer in answers} == {200, 429}
    limited = next(answer for answer in answers if answer.status == 429)
    assert (limited.reason, limited.header("retry-after")) == ("rate_limited", "1")


def test_a_key_in_two_headers_is_none(forwarded: Checked, url: str) -> None:
    key = forwarded.stack.issue()
    assert send(url, PLAIN, [key.header, key.header]).reason == "ambiguous_key"
