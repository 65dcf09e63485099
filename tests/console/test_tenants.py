"""The pages on tenants: finding, making and changing them, and refusing their keys."""

import re
from collections.abc import Callable

import httpx2
import pytest

from extauth.registry.console.revision import expected
from tests.console.visitor import Visitor, hidden
from tests.registry.identities import make_token

LIMIT = {"limit-0-name": "per-key", "limit-0-rate": "100/s", "limit-0-burst": "200"}


def test_a_tenant_is_made_as_it_was_filled_in(owner: Visitor, api: httpx2.Client) -> None:
    api.post("/v1/plans", json={"name": "tenant-gold"})
    answer = owner.post("/console/new-tenant", id="made", name=" Made Inc. ", plan="tenant-gold", **LIMIT)
    assert answer.headers["location"] == "/console/tenants/made?done=made"
    tenant = api.get("/v1/tenants/made").json()
    assert (tenant["name"], tenant["plan"]) == ("Made Inc.", "tenant-gold")
    assert tenant["limits"] == [{"name": "per-key", "rate": "100/s", "burst": 200}]
    page = owner.get("/console/tenants/made?done=made").text
    assert "The tenant is there." in page
    assert "100/s, up to 200 at once" in page


@pytest.mark.parametrize(
    ("field", "value", "marked"),
    [
        ("id", "no id", "id"),
        ("plan", "no-such-plan", "plan"),
        ("limit-0-rate", "often", "limits"),
        ("limit-0-name", "", "limits"),
        ("limit-0-burst", "-1", "limits"),
        ("limit-0-burst", "9" * 30, "limits"),
    ],
)
def test_faults_are_told_and_what_was_typed_stays(
    owner: Visitor, api: httpx2.Client, field: str, value: str, marked: str
) -> None:
    given = {"id": "faulty", "name": "Kept", **LIMIT, field: value}
    answer = owner.post("/console/new-tenant", **given)
    assert answer.status_code == 422
    assert f'id="{marked}-fault"' in answer.text
    for name, typed in given.items():
        assert re.search(rf'<input [^>]*name="{name}" value="{re.escape(typed)}"', answer.text), name
    assert api.get("/v1/tenants/faulty").status_code == 404


def test_a_tenant_that_is_there_is_a_conflict(owner: Visitor, api: httpx2.Client) -> None:
    api.post("/v1/tenants", json={"id": "twice"})
    answer = owner.post("/console/new-tenant", id="twice")
    assert answer.status_code == 409
    assert "The tenant exists" in answer.text


def test_a_tenant_is_changed_and_its_limit_taken_away(owner: Visitor, api: httpx2.Client) -> None:
    api.post("/v1/tenants", json={"id": "changed", "limits": [{"name": "per-key", "rate": "5/s"}]})
    page = owner.get("/console/tenants/changed/edit").text
    assert 'name="limit-0-rate" value="5/s"' in page
    revision = hidden(page, "revision")
    answer = owner.post("/console/tenants/changed/edit", name="New", revision=revision, **dict.fromkeys(LIMIT, ""))
    assert answer.status_code == 303
    tenant = api.get("/v1/tenants/changed").json()
    assert (tenant["name"], tenant["limits"]) == ("New", [])


def test_a_change_of_somebody_else_is_not_overwritten(owner: Visitor, api: httpx2.Client) -> None:
    api.post("/v1/tenants", json={"id": "contested"})
    revision = hidden(owner.get("/console/tenants/contested/edit").text, "revision")
    api.patch("/v1/tenants/contested", json={"name": "theirs"})
    answer = owner.post("/console/tenants/contested/edit", name="mine", revision=revision)
    assert answer.status_code == 409
    assert "Somebody has changed this tenant" in answer.text
    assert 'value="mine"' in answer.text
    assert api.get("/v1/tenants/contested").json()["name"] == "theirs"


@pytest.mark.parametrize(
    ("text", "revisions"), [("7", {7}), ("", set()), ("x", set()), ("²", set()), ("9" * 99, set())]
)
def test_a_form_names_the_revision_that_it_was_made_from(text: str, revisions: set[int]) -> None:
    assert expected({"revision": text}) == revisions
    assert expected({}) == frozenset()


def test_a_tenant_is_suspended_and_resumed(owner: Visitor, api: httpx2.Client) -> None:
    api.post("/v1/tenants", json={"id": "unpaid"})
    answer = owner.post("/console/tenants/unpaid/suspend", reason="unpaid since May")
    assert answer.headers["location"] == "/console/tenants/unpaid?done=suspended"
    assert api.get("/v1/tenants/unpaid").json()["status"] == "suspended"
    page = owner.get("/console/tenants/unpaid").text
    assert "unpaid since May" in page
    assert "/console/tenants/unpaid/resume" in page
    assert owner.post("/console/tenants/unpaid/suspend", reason="x" * 300).status_code == 422
    assert owner.post("/console/tenants/unpaid/resume").status_code == 303
    assert api.get("/v1/tenants/unpaid").json()["status"] == "active"


def test_tenants_are_searched_and_filtered(owner: Visitor, api: httpx2.Client) -> None:
    for name in ("search-one", "search-two"):
        api.post("/v1/tenants", json={"id": name, "name": f"The {name}"})
    api.post("/v1/tenants/search-two/suspend")
    assert ids_in(owner.get("/console/tenants?text=THE+SEARCH")) == ["search-one", "search-two"]
    assert ids_in(owner.get("/console/tenants?text=search&status=suspended")) == ["search-two"]
    assert "No tenant is like that" in owner.get("/console/tenants?text=nobody-at-all").text
    assert owner.get("/console/tenants?status=strange").status_code == 422
    assert owner.get("/console/tenants?cursor=strange").status_code == 422


def test_pages_follow_each_other(owner: Visitor, api: httpx2.Client) -> None:
    names = [f"follow-{number:02}" for number in range(30)]
    for name in names:
        api.post("/v1/tenants", json={"id": name})
    first = owner.get("/console/tenants?text=follow-")
    following = re.search(r'href="([^"]*)" rel="next"', first.text)
    assert following is not None
    second = owner.get(following[1].replace("&amp;", "&"))
    assert ids_in(first) + ids_in(second) == names


def test_people_of_a_tenant_see_their_own_one_only(visitor: Callable[[str], Visitor], api: httpx2.Client) -> None:
    for tenant in ("ours", "theirs"):
        api.post("/v1/tenants", json={"id": tenant})
    who = visitor(make_token(api, "owner", "ours"))
    assert ids_in(who.get("/console/tenants?text=theirs")) == []
    assert ids_in(who.get("/console/tenants")) == ["ours"]
    assert who.get("/console/tenants/theirs").status_code == 404
    assert "/edit" not in who.get("/console/tenants/ours").text


def ids_in(answer: httpx2.Response) -> list[str]:
    assert answer.status_code == 200
    return re.findall(r'<th scope="row">\s*<a href="/console/tenants/([^"]*)"', answer.text)


def test_the_row_that_is_wrong_is_marked(owner: Visitor) -> None:
    """Rows that are empty do not count, and are gone from the form that comes back."""
    rows = {
        "limit-0-name": "",
        "limit-1-name": "one",
        "limit-1-rate": "1/s",
        "limit-2-name": "two",
        "limit-2-rate": "x",
    }
    page = owner.post("/console/new-tenant", id="rows", **rows).text
    assert "Rate of limit 2 cannot be read" in page
    assert re.findall(r'name="([^"]*)"[^>]* aria-invalid="true"', page) == ["limit-1-rate"]
    twice = {"limit-0-name": "one", "limit-0-rate": "1/s", "limit-4-name": "one", "limit-4-rate": "2/s"}
    page = owner.post("/console/new-tenant", id="rows", **twice).text
    assert "Name of limit 2 stands here twice" in page
    assert re.findall(r'name="([^"]*)"[^>]* aria-invalid="true"', page) == ["limit-1-name"]
