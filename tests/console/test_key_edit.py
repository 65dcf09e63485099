"""Changing a key: what is taken, what is refused, and what stays."""

from collections.abc import Callable

import httpx2
import pytest

from tests.console.visitor import Visitor, hidden
from tests.registry.identities import make_token

NOON = "2099-06-30T12:00:00.000Z"


def make(api: httpx2.Client, **fields: object) -> str:
    body = {"name": "before", "tenant": "edited", "scopes": ["a"], "expires_at": NOON, **fields}
    key_id: str = api.post("/v1/keys", json=body).json()["id"]
    return key_id


def form_of(owner: Visitor, key_id: str) -> dict[str, str]:
    page = owner.get(f"/console/keys/{key_id}/edit").text
    return {"name": "before", "scopes": "a", "expires_on": "2099-06-30", "revision": hidden(page, "revision")}


def test_a_key_is_changed_as_it_was_filled_in(owner: Visitor, api: httpx2.Client) -> None:
    key_id = make(api)
    changes = {"name": "after", "scopes": "b:read c", "plan": "edit-gold", "expires_on": "2100-01-31"}
    limit = {"limit-1-name": "per-key", "limit-1-rate": "3/s", "limit-1-burst": "9"}
    answer = owner.post(f"/console/keys/{key_id}/edit", **form_of(owner, key_id) | changes | limit)
    assert answer.headers["location"] == f"/console/keys/{key_id}?done=changed"
    key = api.get(f"/v1/keys/{key_id}").json()
    assert (key["name"], key["scopes"], key["plan"]) == ("after", ["b:read", "c"], "edit-gold")
    assert key["expires_at"] == "2100-01-31T23:59:59.999Z"
    assert key["limits"] == [{"name": "per-key", "rate": "3/s", "burst": 9}]
    assert "3/s, up to 9 at once <span" in owner.get(f"/console/keys/{key_id}").text


def test_a_day_that_is_left_as_it_is_keeps_its_hour(owner: Visitor, api: httpx2.Client) -> None:
    key_id = make(api)
    owner.post(f"/console/keys/{key_id}/edit", **form_of(owner, key_id) | {"name": "after"})
    assert api.get(f"/v1/keys/{key_id}").json()["expires_at"] == NOON
    owner.post(f"/console/keys/{key_id}/edit", **form_of(owner, key_id) | {"expires_on": ""})
    assert api.get(f"/v1/keys/{key_id}").json()["expires_at"] is None


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", ""), ("scopes", "a!"), ("expires_on", "2001-01-01"), ("expires_on", "x"), ("plan", "no plan")],
)
def test_faults_are_told_beside_their_fields(owner: Visitor, api: httpx2.Client, field: str, value: str) -> None:
    key_id = make(api)
    answer = owner.post(f"/console/keys/{key_id}/edit", **form_of(owner, key_id) | {field: value})
    assert answer.status_code == 422
    assert f'id="{field}-fault"' in answer.text
    assert "Nothing was changed." in answer.text
    assert api.get(f"/v1/keys/{key_id}").json()["scopes"] == ["a"]


def test_a_change_of_somebody_else_is_not_overwritten(owner: Visitor, api: httpx2.Client) -> None:
    key_id = make(api)
    form = form_of(owner, key_id)
    api.patch(f"/v1/keys/{key_id}", json={"name": "theirs"})
    answer = owner.post(f"/console/keys/{key_id}/edit", **form)
    assert answer.status_code == 409
    assert "Somebody has changed this key" in answer.text
    assert owner.post(f"/console/keys/{key_id}/edit", name="without a revision").status_code == 409
    assert api.get(f"/v1/keys/{key_id}").json()["name"] == "theirs"


def test_a_revoked_key_is_not_changed(owner: Visitor, api: httpx2.Client) -> None:
    key_id = make(api)
    form = form_of(owner, key_id)
    api.post(f"/v1/keys/{key_id}/revoke")
    assert owner.get(f"/console/keys/{key_id}/edit").status_code == 409
    assert owner.post(f"/console/keys/{key_id}/edit", **form).status_code == 409


def test_people_of_a_tenant_do_not_say_how_much(visitor: Callable[[str], Visitor], api: httpx2.Client) -> None:
    limits = [{"name": "per-key", "rate": "1/s"}]
    key_id = make(api, plan="edit-silver", limits=limits)
    who = visitor(make_token(api, "editor", "edited"))
    form = form_of(who, key_id)
    page = who.get(f"/console/keys/{key_id}/edit").text
    assert 'name="plan"' not in page
    assert "limit-0" not in page
    for more in ({"plan": ""}, {"limit-0-name": ""}):
        assert who.post(f"/console/keys/{key_id}/edit", **form | more).status_code == 403
    assert who.post(f"/console/keys/{key_id}/edit", **form | {"name": "after"}).status_code == 303
    key = api.get(f"/v1/keys/{key_id}").json()
    assert (key["name"], key["plan"], key["limits"][0]["rate"]) == ("after", "edit-silver", "1/s")


@pytest.mark.parametrize("whose", ["key", "tenant", "plan"])
def test_limits_say_whose_they_are(owner: Visitor, api: httpx2.Client, whose: str) -> None:
    limit = {"limits": [{"name": "per-key", "rate": "1/s"}]}
    plan, tenant = f"{whose}-sourced", f"{whose}-sourced"
    api.post("/v1/plans", json={"name": plan, **limit})
    api.post("/v1/tenants", json={"id": tenant, **(limit if whose in {"key", "tenant"} else {})})
    key_id = make(api, tenant=tenant, plan=plan, **(limit if whose == "key" else {}))
    words = {"key": "its own", "tenant": "from its tenant", "plan": "from its plan"}
    assert f'<dd>1/s <span class="none">{words[whose]}</span>' in owner.get(f"/console/keys/{key_id}").text
