"""Signing in and out, and what a session is worth."""

import re
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from prometheus_client import CollectorRegistry

from extauth.keys.digest import Pepper
from extauth.registry.admin_token import NewAdminToken
from extauth.registry.admin_tokens import AdminTokens
from extauth.registry.authentication import Authenticator, BootstrapToken
from extauth.registry.console.session import LONGEST, Sessions
from extauth.registry.database import Database
from extauth.registry.failures import BURST
from extauth.registry.identity import Role
from extauth.registry.metrics import RegistryMetrics
from tests.console.visitor import SIGN_IN, Visitor
from tests.registry.conftest import TOKEN, Clock, serve, settings_in
from tests.registry.identities import make_token

PEPPER = Pepper("first", b"a pepper of 32 bytes or even more")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(tmp_path: Path, clock: Clock) -> AdminTokens:
    database = Database(f"sqlite:///{tmp_path}/sessions.db")
    database.migrate()
    return AdminTokens(database, [PEPPER], RegistryMetrics(CollectorRegistry()), clock)


def sessions_of(tokens: AdminTokens, bootstrap: str = TOKEN, pepper: Pepper = PEPPER) -> Sessions:
    known = BootstrapToken(bootstrap)
    return Sessions(Authenticator(known, tokens), known, tokens, pepper)


def begun(sessions: Sessions, token: str = TOKEN) -> str:
    cookie = sessions.begin(token)
    assert cookie is not None
    return cookie


def test_a_session_is_of_whoever_has_the_token(tokens: AdminTokens) -> None:
    issued = tokens.create(NewAdminToken("Ada", Role.EDITOR), "tester")
    session = sessions_of(tokens).of(begun(sessions_of(tokens), issued.secret))
    assert session is not None
    assert session.person == "Ada"
    assert session.identity == issued.token.identity


def test_a_wrong_token_begins_nothing(tokens: AdminTokens) -> None:
    assert sessions_of(tokens).begin("not-the-token-of-anybody") is None
    assert sessions_of(tokens).begin("") is None


def test_a_session_ends_after_some_hours(tokens: AdminTokens, clock: Clock) -> None:
    sessions = sessions_of(tokens)
    cookie = begun(sessions)
    clock.let_pass(LONGEST * 1000 - 60_000)
    assert sessions.of(cookie) is not None
    clock.let_pass(61_000)
    assert sessions.of(cookie) is None


def test_a_session_of_the_future_is_none(tokens: AdminTokens, clock: Clock) -> None:
    sessions = sessions_of(tokens)
    clock.let_pass(3_600_000)
    cookie = begun(sessions)
    clock.let_pass(-3_600_000)
    assert sessions.of(cookie) is None


def test_every_character_of_the_cookie_counts(tokens: AdminTokens) -> None:
    sessions = sessions_of(tokens)
    cookie = begun(sessions)
    for index, character in enumerate(cookie):
        other = "1" if character != "1" else "2"
        assert sessions.of(cookie[:index] + other + cookie[index + 1 :]) is None
    assert sessions.of(cookie) is not None
    for strange in ("", ".", cookie + "0", cookie[:-1], f"{cookie}\n", "é" * 80):
        assert sessions.of(strange) is None


def test_a_session_ends_with_its_token(tokens: AdminTokens) -> None:
    sessions = sessions_of(tokens)
    issued = tokens.create(NewAdminToken("Ada", Role.OWNER), "tester")
    cookie = begun(sessions, issued.secret)
    tokens.revoke(issued.token.id, "left", "tester")
    assert sessions.of(cookie) is None


def test_a_session_ends_when_its_token_expires(tokens: AdminTokens, clock: Clock) -> None:
    sessions = sessions_of(tokens)
    issued = tokens.create(NewAdminToken("Ada", Role.OWNER, expires_at=clock() + 60_000), "tester")
    cookie = begun(sessions, issued.secret)
    assert sessions.of(cookie) is not None
    clock.let_pass(61_000)
    assert sessions.of(cookie) is None


def test_a_session_of_the_settings_token_ends_with_another_one(tokens: AdminTokens) -> None:
    cookie = begun(sessions_of(tokens))
    assert sessions_of(tokens).of(cookie) is not None  # of another replica
    assert sessions_of(tokens, bootstrap="another-token-of-the-settings").of(cookie) is None
    without = Sessions(Authenticator(None, tokens), None, tokens, PEPPER)
    assert without.of(cookie) is None


def test_another_pepper_signs_in_another_way(tokens: AdminTokens) -> None:
    other = Pepper("other", b"another pepper of 32 bytes or more")
    assert sessions_of(tokens, pepper=other).of(begun(sessions_of(tokens))) is None


def test_sessions_of_one_token_have_forms_of_their_own(tokens: AdminTokens) -> None:
    sessions = sessions_of(tokens)
    found = [sessions.of(begun(sessions)) for _ in range(2)]
    assert len({session.csrf for session in found if session is not None}) == 2


def test_the_cookie_is_kept_from_scripts_and_other_sites(stranger: Visitor) -> None:
    cookie = stranger.sign_in(TOKEN).headers["set-cookie"]
    assert cookie.startswith("extauth-console=")
    attributes = cookie.lower().split("; ")
    assert {"httponly", "samesite=strict", "path=/", f"max-age={LONGEST}"} <= set(attributes)
    assert TOKEN not in cookie


def test_over_tls_the_cookie_is_bound_to_the_host(tmp_path: Path) -> None:
    settings = settings_in(tmp_path).model_dump() | {"trusted_proxies": ["127.0.0.1/32"]}
    for server in serve(type(settings_in(tmp_path)).model_validate(settings)):
        with httpx2.Client(base_url=f"http://{server.http_address}", timeout=10) as client:
            answer = client.post(SIGN_IN, data={"token": TOKEN}, headers={"x-forwarded-proto": "https"})
            cookie = answer.headers["set-cookie"]
            assert cookie.startswith("__Host-extauth-console=")
            assert "secure" in cookie.lower().split("; ")
            value = cookie.partition("=")[2].partition(";")[0]
            page = client.get("/console/keys", headers={"cookie": f"__Host-extauth-console={value}"})
            assert page.status_code == 200


def test_a_stranger_does_not_say_that_it_is_tls(stranger: Visitor) -> None:
    answer = stranger.client.post(SIGN_IN, data={"token": TOKEN}, headers={"x-forwarded-proto": "https"})
    assert answer.headers["set-cookie"].startswith("extauth-console=")


def test_a_wrong_token_is_told_beside_the_field_and_not_repeated(stranger: Visitor) -> None:
    answer = stranger.sign_in("a-token-that-nobody-has")
    assert answer.status_code == 422
    assert "not valid here" in answer.text
    assert "a-token-that-nobody-has" not in answer.text
    assert "set-cookie" not in answer.headers


def test_too_many_failures_are_refused_even_with_the_right_token(tmp_path: Path) -> None:
    for server in serve(settings_in(tmp_path)):
        with httpx2.Client(base_url=f"http://{server.http_address}", timeout=10) as client:
            visitor = Visitor(client)
            answers = [visitor.sign_in("wrong").status_code for _ in range(BURST + 5)]
            assert answers[0] == 422
            answer = visitor.sign_in(TOKEN)
            assert answer.status_code == 429
            assert int(answer.headers["retry-after"]) >= 1


def test_a_publisher_has_nothing_to_see(stranger: Visitor, api: httpx2.Client) -> None:
    answer = stranger.sign_in(make_token(api, "publisher"))
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_signing_out_takes_the_cookie(owner: Visitor) -> None:
    answer = owner.post("/console/sign-out")
    assert answer.status_code == 303
    assert owner.get("/console/keys").headers["location"].startswith(SIGN_IN)


def test_a_revoked_token_ends_the_session_at_once(visitor: Callable[[str], Visitor], api: httpx2.Client) -> None:
    found = visitor(make_token(api, "viewer"))
    name = api.get("/v1/admin-tokens").json()["items"][0]["id"]
    assert found.get("/console/keys").status_code == 200
    api.post(f"/v1/admin-tokens/{name}/revoke")
    assert found.get("/console/keys").headers["location"].startswith(SIGN_IN)


@pytest.mark.parametrize(
    ("wanted", "reached"),
    [
        ("/console/keys?text=a", "/console/keys?text=a"),
        ("https://evil.example", "/console/keys"),
        ("//evil.example", "/console/keys"),
        ("/console/\\evil", "/console/keys"),
        ("/console/keys\r\nset-cookie: a=b", "/console/keys"),
        (SIGN_IN, "/console/keys"),
    ],
)
def test_signing_in_leads_on_to_pages_of_our_own(stranger: Visitor, wanted: str, reached: str) -> None:
    assert stranger.sign_in(TOKEN, next=wanted).headers["location"] == reached


def test_a_page_is_remembered_while_one_signs_in(stranger: Visitor) -> None:
    location = stranger.get("/console/keys?text=a%26b").headers["location"]
    page = stranger.get(location)
    wanted = re.search(r'name="next" value="([^"]*)"', page.text)
    assert wanted is not None
    assert wanted[1] == "/console/keys?text=a%26b"
