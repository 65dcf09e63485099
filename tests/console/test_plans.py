"""The pages on plans: finding, making and changing them."""

import re

import httpx2
import pytest

from tests.console.visitor import Visitor, hidden

LIMIT = {"limit-0-name": "per-key", "limit-0-rate": "1000/min", "limit-0-burst": ""}


def test_a_plan_is_made_as_it_was_filled_in(owner: Visitor, api: httpx2.Client) -> None:
    answer = owner.post("/console/new-plan", name="made", description=" For all ", scopes="a:read, b:write", **LIMIT)
    assert answer.headers["location"] == "/console/plans/made?done=made"
    plan = api.get("/v1/plans/made").json()
    assert (plan["description"], plan["scopes"]) == ("For all", ["a:read", "b:write"])
    assert plan["limits"] == [{"name": "per-key", "rate": "1000/min", "burst": None}]
    page = owner.get("/console/plans/made").text
    assert "1000/min" in page
    assert "For all" in page


@pytest.mark.parametrize(
    ("field", "value", "marked"),
    [("name", "no name", "name"), ("scopes", "a b!", "scopes"), ("limit-0-rate", "", "limits")],
)
def test_faults_are_told_and_what_was_typed_stays(owner: Visitor, field: str, value: str, marked: str) -> None:
    given = {"name": "faulty", "description": "kept", "scopes": "a", **LIMIT, field: value}
    answer = owner.post("/console/new-plan", **given)
    assert answer.status_code == 422
    assert f'id="{marked}-fault"' in answer.text
    for name, typed in given.items():
        assert re.search(rf'<input [^>]*name="{name}" value="{re.escape(typed)}"', answer.text), name


def test_a_plan_that_is_there_is_a_conflict(owner: Visitor, api: httpx2.Client) -> None:
    api.post("/v1/plans", json={"name": "twice"})
    answer = owner.post("/console/new-plan", name="twice")
    assert answer.status_code == 409
    assert "The plan exists" in answer.text


def test_a_changed_plan_reaches_its_keys(owner: Visitor, api: httpx2.Client) -> None:
    api.post("/v1/plans", json={"name": "grows", "limits": [{"name": "per-key", "rate": "5/s"}]})
    key_id = api.post("/v1/keys", json={"name": "a", "tenant": "on-plans", "plan": "grows"}).json()["id"]
    page = owner.get("/console/plans/grows/edit").text
    assert 'name="limit-0-rate" value="5/s"' in page
    revision = hidden(page, "revision")
    answer = owner.post("/console/plans/grows/edit", description="", scopes="", revision=revision, **LIMIT)
    assert answer.status_code == 303
    assert api.get(f"/v1/keys/{key_id}").json()["effective_limits"][0]["rate"] == "1000/min"
    shown = re.search(r"<dt>per-key</dt><dd>1000/min <span[^>]*>([^<]*)", owner.get(f"/console/keys/{key_id}").text)
    assert shown is not None
    assert shown[1] == "from its plan"
    stale = owner.post("/console/plans/grows/edit", description="late", scopes="", revision=revision)
    assert stale.status_code == 409
    assert "Somebody has changed this plan" in stale.text


def test_plans_are_searched(owner: Visitor, api: httpx2.Client) -> None:
    api.post("/v1/plans", json={"name": "needle", "description": "in a haystack"})
    assert "/console/plans/needle" in owner.get("/console/plans?text=HAYSTACK").text
    assert "No plan is like that" in owner.get("/console/plans?text=no-such-plan-at-all").text
    assert owner.get("/console/plans?text=" + "a" * 200).status_code == 422
    assert owner.get("/console/plans?cursor=strange").status_code == 422
    assert owner.get("/console/plans/no-such-plan").status_code == 404
