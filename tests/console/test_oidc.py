"""Signing in with an OpenID provider: who is let in as what, and what is refused on the way."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, expect
from pydantic import ValidationError

from extauth.registry.console.oidc_people import OidcPeople
from extauth.registry.console.oidc_settings import OidcSettings
from extauth.registry.console.sign_in_form import safe
from extauth.registry.server import RegistryServer
from extauth.registry.settings import RegistrySettings
from tests.bearer.http_server import Reply
from tests.console.browsing import open_window
from tests.console.oidc_provider import CLIENT, SECRET, Provider
from tests.console.visitor import SIGN_IN, Visitor
from tests.registry.conftest import TOKEN, serve, settings_in

START = "/console/oidc/start"
GRANTS = [
    {"value": "admins", "role": "owner"},
    {"value": "acme-support", "role": "viewer", "tenant": "acme"},
]


def settings_with(folder: Path, provider: Provider, port: int, **fields: Any) -> RegistrySettings:
    (folder / "client-secret").write_text(SECRET)
    oidc = {
        "issuer": provider.issuer,
        "authorization_url": provider.url("/authorize"),
        "token_url": provider.url("/token"),
        "jwks_url": provider.url("/jwks"),
        "client_id": CLIENT,
        "client_secret": {"file": str(folder / "client-secret")},
        "redirect_url": f"http://127.0.0.1:{port}/console/oidc/return",
        "grants": GRANTS,
        **fields,
    }
    listen = {"http": f"127.0.0.1:{port}", "grpc": None}
    given = settings_in(folder).model_dump() | {"listen": listen, "console": {"oidc": oidc}}
    return RegistrySettings.model_validate(given)


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    provider = Provider(tmp_path_factory.mktemp("provider"))
    yield provider
    provider.stop()


@pytest.fixture(scope="module")
def oidc_server(
    tmp_path_factory: pytest.TempPathFactory, provider: Provider, free_tcp_port_factory: Callable[[], int]
) -> Iterator[RegistryServer]:
    folder = tmp_path_factory.mktemp("oidc")
    yield from serve(settings_with(folder, provider, free_tcp_port_factory()))


@pytest.fixture
def client(oidc_server: RegistryServer, provider: Provider) -> Iterator[httpx2.Client]:
    """A browser that has not signed in, before a provider that says nothing strange."""
    provider.replies.clear()
    provider.lifetime = 300.0
    provider.said = {"sub": "ada", "email": "ada@example.com", "groups": ["everybody", "admins"]}
    oidc_server._failures._forgiven_at.clear()
    with httpx2.Client(base_url=f"http://{oidc_server.http_address}", timeout=30) as client:
        yield client


def arrival(client: httpx2.Client, wanted: str = "") -> str:
    """Begin to sign in, and go to the provider; where that sends the browser back to."""
    there = client.get(START, params={"next": wanted}).headers["location"]
    back: str = httpx2.get(there).headers["location"]
    return back


def sign_in(client: httpx2.Client, wanted: str = "") -> httpx2.Response:
    return client.get(arrival(client, wanted))


def has_session(client: httpx2.Client) -> bool:
    return client.get("/console/keys").status_code == 200


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        (["everybody", "admins"], "owner"),
        ("admins", "owner"),
        (["acme-support"], "viewer of acme"),
        (["acme-support", "admins"], "owner"),
    ],
)
def test_the_first_grant_that_fits_holds(client: httpx2.Client, provider: Provider, groups: Any, role: str) -> None:
    provider.said["groups"] = groups
    answer = sign_in(client, "/console/keys?text=a")
    assert answer.status_code == 200
    assert '<meta http-equiv="refresh" content="0;url=/console/keys?text=a">' in answer.text
    cookies = answer.headers.get_list("set-cookie")
    assert any("extauth-console=" in cookie and "SameSite=strict" in cookie for cookie in cookies)
    page = client.get("/console/keys").text
    assert "ada@example.com" in page
    assert f'<span class="role">{role}</span>' in page


def test_changes_are_told_of_under_their_name(client: httpx2.Client) -> None:
    sign_in(client)
    Visitor(client).post("/console/new-tenant", id=f"t{time.time_ns()}")
    assert "by oidc:ada" in client.get("/console/audit").text


@pytest.mark.parametrize("name", ["Ada Lovelace", "阿" * 100, "😀" * 100])
def test_people_are_called_as_the_provider_calls_them(client: httpx2.Client, provider: Provider, name: str) -> None:
    provider.said["email"] = name
    sign_in(client)
    assert f'<span class="person">{name}</span>' in client.get("/console/keys").text


@pytest.mark.parametrize("groups", [[], ["others"], None, 7, {"admins": True}, [["admins"]]])
def test_whom_nothing_is_granted_is_not_let_in(client: httpx2.Client, provider: Provider, groups: Any) -> None:
    provider.said["groups"] = groups
    answer = sign_in(client)
    assert answer.status_code == 403
    assert "nothing here is granted to you" in answer.text
    assert not has_session(client)


def test_an_arrival_is_for_the_browser_that_began(client: httpx2.Client, oidc_server: RegistryServer) -> None:
    back = arrival(client)
    with httpx2.Client(base_url=f"http://{oidc_server.http_address}", timeout=30) as other:
        assert other.get(back).status_code == 400
        arrival(other)
        assert other.get(back).status_code == 400  # the state of another attempt
        assert not has_session(other)
    strange = back.replace("state=", "state=x")
    assert client.get(strange).status_code == 400
    assert not has_session(client)


def test_an_attempt_is_for_one_arrival(client: httpx2.Client, provider: Provider) -> None:
    back = arrival(client)
    kept = dict(client.cookies)
    assert client.get(back).status_code == 200
    client.cookies.clear()
    assert client.get(back).status_code == 400
    client.cookies.update(kept)
    assert client.get(back).status_code == 403  # the provider has taken the code already
    assert not has_session(client)


def test_a_cookie_that_was_changed_is_worth_nothing(client: httpx2.Client) -> None:
    back = arrival(client)
    (name,) = client.cookies
    said, _, signature = client.cookies[name].partition(".")
    for strange in (f"{said}.{'0' * 64}", f"x{said}.{signature}", said, "", ".", f".{signature}"):
        client.cookies.set(name, strange, domain="127.0.0.1")
        assert client.get(back, headers={"cookie": f"{name}={strange}"}).status_code == 400


@pytest.mark.parametrize(
    "said",
    [
        {"nonce": "of-another-attempt"},
        {"aud": "another-client"},
        {"aud": [CLIENT, "another-client"]},
        {"azp": "another-client"},
        {"iss": "https://another.example"},
        {"sub": None},
    ],
)
def test_id_tokens_for_others_are_refused(client: httpx2.Client, provider: Provider, said: dict[str, Any]) -> None:
    provider.said |= said
    assert sign_in(client).status_code == 403
    assert not has_session(client)


def test_an_id_token_for_several_names_who_asked(client: httpx2.Client, provider: Provider) -> None:
    provider.said |= {"aud": [CLIENT, "another-client"], "azp": CLIENT}
    assert sign_in(client).status_code == 200


def test_an_expired_id_token_is_refused(client: httpx2.Client, provider: Provider) -> None:
    provider.lifetime = -3600
    assert sign_in(client).status_code == 403


def test_a_token_that_others_signed_is_refused(client: httpx2.Client, provider: Provider, tmp_path: Path) -> None:
    other = Provider(tmp_path)
    try:
        there = client.get(START).headers["location"]
        nonce = httpx2.URL(there).params["nonce"]
        forged = other.signer.sign({"nonce": nonce, "iss": provider.issuer, **provider.said}, 300)
        unsigned = forged.rpartition(".")[0] + "."
        for token in (forged, unsigned, "x"):
            back = arrival(client)
            provider.replies["/token"] = Reply(f'{{"id_token": "{token}"}}'.encode())
            assert client.get(back).status_code == 403
            assert not has_session(client)
    finally:
        other.stop()


def test_who_else_sends_a_browser_back_is_refused(client: httpx2.Client) -> None:
    back = httpx2.URL(arrival(client)).copy_set_param("iss", "https://another.example")
    assert client.get(str(back)).status_code == 403


def test_what_the_provider_refuses_is_told(client: httpx2.Client) -> None:
    state = httpx2.URL(client.get(START).headers["location"]).params["state"]
    answer = client.get("/console/oidc/return", params={"error": "access_denied", "state": state})
    assert answer.status_code == 403
    assert "did not sign you in" in answer.text
    assert "access_denied" not in answer.text


@pytest.mark.parametrize(
    "reply", [Reply(status=500), Reply(b"no JSON"), Reply(b"[]"), Reply(b'{"id_token": 7}'), Reply(raw=b"no HTTP")]
)
def test_an_outage_of_the_provider_is_no_refusal(client: httpx2.Client, provider: Provider, reply: Reply) -> None:
    back = arrival(client)
    provider.replies["/token"] = reply
    answer = client.get(back)
    assert answer.status_code == 503
    assert "does not answer" in answer.text
    assert not has_session(client)


def test_a_slow_provider_is_not_waited_for(
    tmp_path: Path, provider: Provider, free_tcp_port_factory: Callable[[], int]
) -> None:
    for server in serve(settings_with(tmp_path, provider, free_tcp_port_factory(), timeout="300ms")):
        with httpx2.Client(base_url=f"http://{server.http_address}", timeout=30) as client:
            back = arrival(client)
            provider.replies["/token"] = Reply(raw=b"HTTP/1.1 200 OK\r\n", drip=20)
            assert client.get(back).status_code == 503
    provider.replies.clear()


def test_a_public_client_has_no_secret(tmp_path: Path, free_tcp_port_factory: Callable[[], int]) -> None:
    public = Provider(tmp_path, is_public=True)
    try:
        for server in serve(settings_with(tmp_path, public, free_tcp_port_factory(), client_secret=None)):
            with httpx2.Client(base_url=f"http://{server.http_address}", timeout=30) as client:
                assert sign_in(client).status_code == 200
                assert has_session(client)
    finally:
        public.stop()


def test_nothing_secret_is_logged(client: httpx2.Client, provider: Provider, capfd: pytest.CaptureFixture[str]) -> None:
    sign_in(client)
    client.cookies.clear()
    provider.said["groups"] = []
    sign_in(client)
    arrived = arrival(client)
    cookies = list(client.cookies.values())
    provider.said["nonce"] = "other"
    client.get(arrived)
    told = "".join(capfd.readouterr())
    assert "a sign-in was refused" in told
    state = httpx2.URL(arrived).params["state"]
    assert not any(secret in told for secret in (SECRET, state, *provider.codes, *cookies, "eyJ"))


def test_an_admin_token_is_good_as_before(client: httpx2.Client) -> None:
    page = client.get(f"{SIGN_IN}?next=%2Fconsole%2Faudit").text
    assert 'href="/console/oidc/start?next=/console/audit"' in page
    assert Visitor(client).sign_in(TOKEN).status_code == 303
    assert has_session(client)


def test_a_session_ends_with_what_was_granted(provider: Provider, tmp_path: Path) -> None:
    now = settings_with(tmp_path, provider, 1).console.oidc
    assert now is not None
    person = OidcPeople(now).person({"sub": "ada", "groups": ["admins"]})
    assert person is not None
    assert person.name == "ada"
    assert OidcPeople(now).identity(person) is not None
    for grants in (GRANTS[1:], [{"value": "admins", "role": "viewer"}], [{**GRANTS[0], "tenant": "acme"}]):
        later = OidcSettings.model_validate(now.model_dump() | {"grants": grants})
        assert OidcPeople(later).identity(person) is None


@pytest.mark.parametrize("sub", ["a" * 200, "Ada Lovelace", "é", "a\nb", "\ud800"])
def test_strange_subjects_become_digests(provider: Provider, tmp_path: Path, sub: str) -> None:
    settings = settings_with(tmp_path, provider, 1).console.oidc
    assert settings is not None
    person = OidcPeople(settings).person({"sub": sub, "groups": ["admins"]})
    assert person is not None
    assert person.subject.startswith("oidc-sha256:")
    assert len(person.subject) <= 100


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"scopes": ["email"]}, "openid"),
        ({"redirect_url": "https://registry.example.com/"}, "ends with /console/oidc/return"),
        ({"grants": []}, "at least 1"),
        ({"grants": [{"value": "a", "role": "publisher"}]}, "nothing to see"),
        ({"token_url": "http://login.example.com/token"}, "not protected by TLS"),
        ({"algorithms": ["HS256"]}, "shared secret"),
    ],
)
def test_settings_that_cannot_work_are_refused(
    provider: Provider, tmp_path: Path, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        settings_with(tmp_path, provider, 1, **fields)


def test_one_is_led_to_pages_of_the_console_alone() -> None:
    assert safe("/console/oidc/start") == "/console/keys"
    assert safe("/console/audit") == "/console/audit"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_in_a_browser(browser: Browser, client: httpx2.Client, oidc_server: RegistryServer) -> None:
    for window in open_window(browser, f"http://{oidc_server.http_address}"):
        page = window.page
        page.goto("/console/tenants")
        page.get_by_role("link", name="Sign in with your organization").click()
        expect(page.get_by_role("heading", name="Tenants", exact=True)).to_be_visible()
        expect(page.get_by_text("ada@example.com")).to_be_visible()
