"""Every route of the console: who is let in, what of other tenants is there, and which forms are believed."""

import hashlib
import itertools
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx2
import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from extauth.registry.console import static_files
from extauth.registry.console.front import Front
from extauth.registry.console.headers import ConsoleHeaders
from extauth.registry.console.static_files import _FILES
from extauth.registry.rest.security_headers import SecurityHeaders
from extauth.registry.server import RegistryServer
from extauth.registry.settings import RegistrySettings
from tests.console.visitor import SIGN_IN, Visitor
from tests.registry.conftest import TOKEN, settings_in
from tests.registry.identities import TENANTS, make_all

VIEW = frozenset({"viewer", "editor", "owner"})
EDIT = frozenset({"editor", "owner"})
ALL_TENANTS = frozenset({"of all tenants"})
"""Marks what identities of one tenant are not let in to."""
ROUTES: Mapping[str, frozenset[str] | None] = {
    "GET /": None,
    "GET /console": None,
    "GET /console/": None,
    "GET /console/static/{name}": None,
    "GET /console/sign-in": None,
    "POST /console/sign-in": None,
    "POST /console/sign-out": None,
    "GET /console/keys": VIEW,
    "GET /console/keys/new": EDIT,
    "POST /console/keys/new": EDIT,
    "GET /console/keys/{key_id}": VIEW,
    "GET /console/keys/{key_id}/edit": EDIT,
    "POST /console/keys/{key_id}/edit": EDIT,
    "GET /console/usage": VIEW,
    "GET /console/usage.csv": VIEW,
    "GET /console/tenants": VIEW,
    "GET /console/tenants/{tenant_id}": VIEW,
    "GET /console/new-tenant": EDIT | ALL_TENANTS,
    "POST /console/new-tenant": EDIT | ALL_TENANTS,
    "GET /console/tenants/{tenant_id}/edit": EDIT | ALL_TENANTS,
    "POST /console/tenants/{tenant_id}/edit": EDIT | ALL_TENANTS,
    "GET /console/tenants/{tenant_id}/suspend": EDIT | ALL_TENANTS,
    "POST /console/tenants/{tenant_id}/suspend": EDIT | ALL_TENANTS,
    "POST /console/tenants/{tenant_id}/resume": EDIT | ALL_TENANTS,
    "GET /console/plans": VIEW | ALL_TENANTS,
    "GET /console/plans/{name}": VIEW | ALL_TENANTS,
    "GET /console/new-plan": EDIT | ALL_TENANTS,
    "POST /console/new-plan": EDIT | ALL_TENANTS,
    "GET /console/plans/{name}/edit": EDIT | ALL_TENANTS,
    "POST /console/plans/{name}/edit": EDIT | ALL_TENANTS,
    "GET /console/health": VIEW,
    "GET /console/health/{finding}": VIEW,
    "GET /console/audit": VIEW,
    "GET /console/keys/{key_id}/rotate": EDIT,
    "POST /console/keys/{key_id}/rotate": EDIT,
    "GET /console/keys/{key_id}/revoke": EDIT,
    "POST /console/keys/{key_id}/revoke": EDIT,
    "POST /console/keys/{key_id}/disable": EDIT,
    "POST /console/keys/{key_id}/enable": EDIT,
}
"""Roles that are let in; None: no sign-in is asked for."""
VENDOR = Path(static_files.__file__).parent / "static" / "vendor"
_numbers = itertools.count()
GUARDED = [route for route, roles in ROUTES.items() if roles is not None]


@pytest.fixture(scope="session")
def identities(api: httpx2.Client) -> Mapping[str, str]:
    for tenant in TENANTS:
        make_key(api, tenant)
    api.post("/v1/plans", json={"name": "shared-plan"})
    return {name: token for name, token in make_all(api).items() if name != "publisher"}


def make_key(api: httpx2.Client, tenant: str = "acme", name: str = "a key") -> str:
    answer = api.post("/v1/keys", json={"name": name, "tenant": tenant})
    key_id: str = answer.json()["id"]
    return key_id


def path_of(route: str, key_id: str) -> str:
    """Of the key, its tenant, a plan that is there, a finding."""
    path = route.split(" ")[1].replace("{key_id}", key_id).replace("{tenant_id}", "acme")
    return path.replace("{name}", "shared-plan").replace("{finding}", "unused")


def ask(who: Visitor, api: httpx2.Client, route: str, key_id: str) -> httpx2.Response:
    path = path_of(route, key_id)
    if route.startswith("GET"):
        return who.get(path)
    name = f"n{next(_numbers)}" if "new-plan" in route else "a key"
    fields = {"name": name, "tenant": "acme", "grace": "3600", "id": f"t{next(_numbers)}"}
    if "edit" in route:
        things = {"/keys/": f"/v1/keys/{key_id}", "/tenants/": "/v1/tenants/acme", "/plans/": "/v1/plans/shared-plan"}
        (thing,) = (one for part, one in things.items() if part in path)
        fields["revision"] = str(api.get(thing).json()["revision"])
    answer = who.post(path, **fields)
    api.post("/v1/tenants/acme/resume")
    return answer


@pytest.fixture
def settings(tmp_path_factory: pytest.TempPathFactory) -> RegistrySettings:
    return settings_in(tmp_path_factory.mktemp("routes"))


def test_no_route_is_forgotten(settings: RegistrySettings) -> None:
    app = RegistryServer(settings, CollectorRegistry())._app()
    assert isinstance(app, SecurityHeaders)
    assert isinstance(app._app, Front)
    console = app._app._console
    assert isinstance(console, ConsoleHeaders)
    assert isinstance(console._app, Starlette)
    found = [
        f"{method} {route.path}"  # type: ignore[attr-defined] # all are of class Route
        for route in console._app.routes
        for method in route.methods - {"HEAD"}  # type: ignore[attr-defined]
    ]
    assert sorted(found) == sorted(ROUTES)


@pytest.mark.parametrize("route", GUARDED)
def test_a_stranger_is_asked_to_sign_in(stranger: Visitor, api: httpx2.Client, route: str) -> None:
    method = route.split(" ", maxsplit=1)[0]
    answer = stranger.client.request(method, path_of(route, make_key(api)))
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{SIGN_IN}?")


@pytest.mark.parametrize("route", GUARDED)
def test_each_role_does_what_it_may_to_what_is_its_tenants(
    visitor: Callable[[str], Visitor], api: httpx2.Client, identities: Mapping[str, str], route: str
) -> None:
    roles = ROUTES[route]
    assert roles is not None
    is_theirs = "{key_id}" in route or "{tenant_id}" in route or route == "POST /console/keys/new"
    wrong = {}
    for name, token in identities.items():
        role, _, tenant = name.partition(" of ")
        key_id = make_key(api)
        if "enable" in route:
            api.post(f"/v1/keys/{key_id}/disable")
        status = ask(visitor(token), api, route, key_id).status_code
        if role not in roles or (tenant and roles >= ALL_TENANTS):
            expected = {403}
        elif tenant == "other" and is_theirs:
            expected = {404}
        else:
            expected = {200, 201, 303}
        if status not in expected:
            wrong[name] = status
    assert wrong == {}


@pytest.mark.parametrize("route", [route for route in GUARDED if route.startswith("POST")])
def test_nothing_happens_to_keys_of_another_tenant(
    visitor: Callable[[str], Visitor], api: httpx2.Client, identities: Mapping[str, str], route: str
) -> None:
    key_id = make_key(api)
    before = api.get(f"/v1/keys/{key_id}").json(), api.get("/v1/tenants/acme").json()
    count = len(api.get("/v1/audit", params={"target": key_id}).json()["items"])
    ask(visitor(identities["owner of other"]), api, route, key_id)
    assert (api.get(f"/v1/keys/{key_id}").json(), api.get("/v1/tenants/acme").json()) == before
    assert len(api.get("/v1/audit", params={"target": key_id}).json()["items"]) == count


def test_the_list_has_the_tenants_own_keys_only(
    visitor: Callable[[str], Visitor], api: httpx2.Client, identities: Mapping[str, str]
) -> None:
    mine, theirs = make_key(api, "other", "mine"), make_key(api, "acme", "theirs")
    page = visitor(identities["viewer of other"]).get("/console/keys").text
    assert mine in page
    assert theirs not in page
    assert visitor(identities["viewer of other"]).get("/console/keys?tenant=acme").status_code == 404


def test_nobody_sees_buttons_for_what_they_may_not_do(
    visitor: Callable[[str], Visitor], api: httpx2.Client, identities: Mapping[str, str]
) -> None:
    key_id = make_key(api)
    for name, may in (("viewer", False), ("editor", True)):
        who = visitor(identities[name])
        paths = (f"keys/{key_id}", "keys", "tenants", "tenants/acme", "plans", "plans/shared-plan")
        pages = "".join(who.get(f"/console/{path}").text for path in paths)
        buttons = ("/keys/new", "/rotate", "/revoke", "/disable", "/new-tenant", "/new-plan", "/suspend")
        edits = (f"/keys/{key_id}/edit", "/tenants/acme/edit", "/plans/shared-plan/edit")
        assert [text in pages for text in (*buttons, *edits)] == [may] * 10


def test_a_tenants_people_say_no_plan(
    visitor: Callable[[str], Visitor], api: httpx2.Client, identities: Mapping[str, str]
) -> None:
    make_key(api)
    who = visitor(identities["editor of acme"])
    assert 'name="plan"' not in who.get("/console/keys/new").text
    assert who.post("/console/keys/new", name="a", plan="gold").status_code == 403


@pytest.mark.parametrize("route", [route for route in ROUTES if route.startswith("POST") and "sign-in" not in route])
def test_a_form_without_the_sessions_text_is_refused(owner: Visitor, api: httpx2.Client, route: str) -> None:
    key_id = make_key(api)
    path = path_of(route, key_id)
    for csrf in ("", "0" * 64, "é"):
        assert owner.client.post(path, data={"csrf": csrf, "name": "a key"}).status_code == 403
    assert api.get(f"/v1/keys/{key_id}").json()["status"] == "active"
    assert api.get("/v1/tenants/acme").json()["status"] == "active"


def test_the_text_of_another_session_is_refused(visitor: Callable[[str], Visitor]) -> None:
    mine, theirs = visitor(TOKEN), visitor(TOKEN)
    answer = mine.client.post("/console/keys/new", data={"csrf": theirs.csrf(), "name": "a", "tenant": "b"})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("headers", "believed"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "same-origin", "origin": "https://console.example"}, True),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "null"}, False),
    ],
)
def test_a_form_from_another_site_is_refused(owner: Visitor, headers: dict[str, str], believed: bool) -> None:
    answer = owner.post("/console/keys/new", headers=headers, name="a", tenant="b")
    assert answer.status_code == (201 if believed else 403)
    sign_in = owner.client.post(SIGN_IN, data={"token": TOKEN, "csrf": owner.csrf()}, headers=headers)
    assert sign_in.status_code == (303 if believed else 403)


def test_forms_may_not_be_large_nor_of_another_kind(owner: Visitor) -> None:
    assert owner.post("/console/keys/new", name="a" * 70_000).status_code == 413
    assert owner.client.post("/console/keys/new", json={}).status_code == 415
    many = {f"f{index}": "" for index in range(200)}
    assert owner.post("/console/keys/new", **many).status_code == 400
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert owner.client.post("/console/keys/new", content=b"\xff\xfe", headers=form).status_code == 400


def test_pages_load_nothing_from_elsewhere_and_have_no_script_of_their_own(owner: Visitor, api: httpx2.Client) -> None:
    key_id = make_key(api)
    api.post("/v1/plans", json={"name": "shared-plan"})
    pages = [path_of(route, key_id) for route in GUARDED if route.startswith("GET") and ".csv" not in route]
    answers = [owner.get(path) for path in [*pages, "/console/keys/000000000000"]]
    answers += [owner.post("/console/keys/new", name="a", tenant="b"), owner.get("/console/nothing")]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-frame-options"] == "DENY"
        sources = re.findall(r'(?:src|href|action|hx-get)="([^"]*)"', answer.text)
        assert all(source.startswith(("/console/", "#")) for source in sources)
        assert not re.search(r"<script[^>]*>\s*[^<\s]|\son\w+=|<style|\sstyle=", answer.text)


def test_names_are_shown_as_they_are(owner: Visitor, api: httpx2.Client) -> None:
    name = "<script>alert(1)</script>\"'"
    key_id = api.post("/v1/keys", json={"name": name, "tenant": "xss", "created_by": name}).json()["id"]
    api.post(f"/v1/keys/{key_id}/disable", headers={"user-agent": name})
    pages = ["", "?text=%3Cscript%3Ealert(1)%22", f"/{key_id}", f"/{key_id}/rotate", f"/{key_id}/revoke"]
    for path in pages:
        page = owner.get(f"/console/keys{path}").text
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page
    answer = owner.post("/console/keys/new", name='"><script>alert(1)</script>', tenant="no tenant")
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text


def test_the_front_page_leads_to_the_console(stranger: Visitor) -> None:
    for path in ("/", "/console", "/console/"):
        assert stranger.get(path).headers["location"] == "/console/keys"


@pytest.mark.parametrize("path", ["/console/nothing", "/console/static/..%2fapp.py", "/console/keys/x/y/z"])
def test_what_is_not_there_is_told_as_a_page(stranger: Visitor, path: str) -> None:
    answer = stranger.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")


def test_a_part_of_a_page_leads_to_signing_in_as_a_whole(stranger: Visitor) -> None:
    answer = stranger.get("/console/keys?text=a", headers={"hx-request": "true"})
    assert answer.status_code == 200
    assert answer.headers["hx-redirect"] == f"{SIGN_IN}?next=%2Fconsole%2Fkeys%3Ftext%3Da"
    assert answer.text == ""


def test_vendored_files_are_those_of_the_list() -> None:
    listed = json.loads((VENDOR / "vendor.json").read_text())
    digests = {name: digest for package in listed for name, digest in package["sha256"].items()}
    files = [path for path in VENDOR.iterdir() if path.name != "vendor.json"]
    assert digests == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    for package in listed:
        assert re.fullmatch(r"\d+\.\d+\.\d+", package["version"])
        assert package["licence"] in {"MIT", "0BSD"}
        assert any("LICENSE" in name for name in package["sha256"])


def test_the_files_of_pages_are_there_and_no_others(stranger: Visitor, owner: Visitor) -> None:
    pages = "".join(owner.get(path).text for path in ("/console/keys", "/console/usage"))
    names = set(re.findall(r'"/console/static/([^"]*)"', pages))
    assert names == set(_FILES)
    for name in names:
        answer = stranger.get(f"/console/static/{name}")
        assert answer.status_code == 200
        assert answer.headers["x-content-type-options"] == "nosniff"
    for name in ("vendor.json", "htmx.LICENSE", "vendor%2Fhtmx.js", "x"):
        assert stranger.get(f"/console/static/{name}").status_code == 404
