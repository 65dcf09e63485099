"""The page of the audit trail, and what is told when the database is away."""

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from tests.console.visitor import Visitor
from tests.registry.conftest import TOKEN, serve, settings_in
from tests.registry.identities import make_token


def make(api: httpx2.Client, tenant: str, name: str = "a key") -> str:
    key_id: str = api.post("/v1/keys", json={"name": name, "tenant": tenant}).json()["id"]
    return key_id


def test_it_tells_who_did_what_from_where_and_what_it_was_before(owner: Visitor, api: httpx2.Client) -> None:
    key_id = make(api, "audited", "before")
    api.patch(f"/v1/keys/{key_id}", json={"name": "after"})
    page = owner.get(f"/console/audit?target={key_id}").text
    assert page.index("<b>Updated</b> key") < page.index("<b>Created</b> key")
    assert "by admin-token from 127.0.0.1" in page
    assert "<del>before</del> <ins>after</ins>" in page
    assert f'href="/console/keys/{key_id}"' in page


def test_a_tenants_people_see_its_changes_only(visitor: Callable[[str], Visitor], api: httpx2.Client) -> None:
    mine, theirs = make(api, "mine"), make(api, "theirs")
    who = visitor(make_token(api, "viewer", "mine"))
    page = who.get("/console/audit").text
    assert mine in page
    assert theirs not in page
    assert theirs not in who.get(f"/console/audit?target={theirs}").text.partition("</form>")[2].partition("</form>")[2]
    assert who.get("/console/audit?tenant=theirs").status_code == 404


def test_pages_follow_each_other(owner: Visitor, api: httpx2.Client) -> None:
    made = [make(api, "many-changes") for _ in range(55)]
    first = owner.get("/console/audit?tenant=many-changes")
    following = re.search(r'href="([^"]*)" rel="next"', first.text)
    assert following is not None
    second = owner.get(following[1].replace("&amp;", "&"))
    found = re.findall(r'href="/console/keys/(\w+)"', first.text + second.text)
    assert [key_id for key_id in found if key_id in set(made)] == made[::-1]


def test_names_in_changes_are_shown_as_they_are(owner: Visitor, api: httpx2.Client) -> None:
    key_id = make(api, "audited", "<script>alert(1)</script>")
    page = owner.get(f"/console/audit?target={key_id}").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        ("target=nothing", 200, "Nothing was done that is like that"),
        ("actor=" + "a" * 600, 422, 'id="actor-fault"'),
        ("cursor=strange", 422, "The address of this page is not complete"),
    ],
)
def test_what_is_not_found_is_told(owner: Visitor, query: str, status: int, text: str) -> None:
    answer = owner.get(f"/console/audit?{query}")
    assert answer.status_code == status
    assert text in answer.text


def test_an_outage_is_told_as_one(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    for server in serve(settings):
        with httpx2.Client(base_url=f"http://{server.http_address}", timeout=10) as client:
            visitor = Visitor(client)
            visitor.sign_in(TOKEN)
            with sqlite3.connect(settings.database.removeprefix("sqlite:///")) as connection:
                for table in ("changes", "keys", "registry", "audit", "tenants", "plans", "usage_minutes"):
                    connection.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
            connection.close()
            for path in ("keys", "keys/000000000000", "audit", "tenants", "tenants/acme", "plans", "health"):
                answer = visitor.get(f"/console/{path}")
                assert answer.status_code == 503
                assert answer.headers["retry-after"] == "1"
                assert "Keys go on working" in answer.text
            answer = visitor.get("/console/usage?tenant=acme")
            assert answer.status_code == 503
            assert "Choose a shorter time or one tenant" in answer.text
