"""The REST API on tenants and plans over real HTTP."""

from typing import Any

import httpx2
import pytest

LIMITS = [{"name": "per-key", "rate": "1000/min", "burst": 2000}]


def made(answer: httpx2.Response) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_a_tenant_is_made_shown_changed_and_deleted(http: httpx2.Client) -> None:
    made(http.post("/v1/plans", json={"name": "gold"}))
    answer = http.post("/v1/tenants", json={"id": "acme", "name": "Acme", "plan": "gold", "limits": LIMITS})
    tenant = made(answer)
    assert (answer.headers["location"], answer.headers["etag"]) == ("/v1/tenants/acme", '"1"')
    assert tenant == http.get("/v1/tenants/acme").json()
    assert tenant.pop("created_at") == tenant.pop("updated_at")
    assert tenant == {
        "id": "acme",
        "name": "Acme",
        "plan": "gold",
        "limits": LIMITS,
        "metadata": {},
        "status": "active",
        "suspended_reason": "",
        "revision": 1,
        "propagating": False,
    }
    changed = http.patch("/v1/tenants/acme", json={"metadata": {"crm": "7"}, "plan": None})
    assert (changed.json()["metadata"], changed.json()["plan"]) == ({"crm": "7"}, "gold")
    assert changed.headers["etag"] == '"2"'
    stale = http.delete("/v1/tenants/acme", headers={"if-match": '"1"'})
    assert (stale.status_code, stale.headers["etag"]) == (412, '"2"')
    deleted = http.delete("/v1/tenants/acme", headers={"if-match": '"2"'})
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert http.get("/v1/tenants/acme").status_code == 404


def test_a_tenant_is_suspended_and_resumed(http: httpx2.Client) -> None:
    key = made(http.post("/v1/keys", json={"name": "a", "tenant": "acme"}))
    suspended = http.post("/v1/tenants/acme/suspend", json={"reason": "unpaid"}).json()
    assert (suspended["status"], suspended["suspended_reason"]) == ("suspended", "unpaid")
    assert http.get(f"/v1/keys/{key['id']}").json()["status"] == "suspended"
    assert [one["id"] for one in http.get("/v1/keys?status=suspended").json()["items"]] == [key["id"]]
    assert http.get("/v1/keys?status=active").json()["items"] == []
    assert http.post("/v1/keys", json={"name": "a", "tenant": "acme"}).status_code == 409
    assert http.post("/v1/tenants/acme/resume").json()["status"] == "active"
    assert http.get(f"/v1/keys/{key['id']}").json()["status"] == "active"


def test_a_plan_is_made_shown_changed_and_deleted(http: httpx2.Client) -> None:
    answer = http.post("/v1/plans", json={"name": "gold", "description": "d", "limits": LIMITS, "scopes": ["read"]})
    plan = made(answer)
    assert (answer.headers["location"], answer.headers["etag"]) == ("/v1/plans/gold", '"1"')
    assert plan == http.get("/v1/plans/gold").json()
    assert (plan["description"], plan["limits"], plan["scopes"]) == ("d", LIMITS, ["read"])
    key = made(http.post("/v1/keys", json={"name": "a", "tenant": "acme", "plan": "gold"}))
    assert (key["scopes"], key["effective_limits"]) == (["read"], LIMITS)
    stale = http.patch("/v1/plans/gold", json={"limits": []}, headers={"if-match": '"9"'})
    assert stale.status_code == 412
    assert http.patch("/v1/plans/gold", json={"limits": []}).json()["revision"] == 2
    assert http.get(f"/v1/keys/{key['id']}").json()["effective_limits"] == []
    used = http.delete("/v1/plans/gold")
    assert (used.status_code, used.json()["errors"][0]["field"]) == (409, "name")
    http.post(f"/v1/keys/{key['id']}/revoke")
    assert http.delete("/v1/plans/gold").status_code == 204
    assert http.get("/v1/plans/gold").status_code == 404


def test_lists_are_filtered_and_paged(http: httpx2.Client) -> None:
    for number in range(3):
        made(http.post("/v1/plans", json={"name": f"p{number}"}))
        made(http.post("/v1/tenants", json={"id": f"t{number}", "plan": f"p{number}"}))
    for path, name in (("/v1/plans", "name"), ("/v1/tenants", "id")):
        first = http.get(path, params={"limit": 2}).json()
        second = http.get(path, params={"limit": 2, "cursor": first["next_cursor"]}).json()
        assert [one[name][1] for one in first["items"] + second["items"]] == ["0", "1", "2"]
        assert second["next_cursor"] == ""
        assert [one[name][1] for one in http.get(path, params={"text": "1"}).json()["items"]] == ["1"]
    assert [one["id"] for one in http.get("/v1/tenants?plan=p2&status=active").json()["items"]] == ["t2"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field"),
    [
        ("POST", "/v1/tenants", {}, 422, "id"),
        ("POST", "/v1/tenants", {"id": "a b"}, 422, "id"),
        ("POST", "/v1/tenants", {"id": "a", "plan": "none"}, 422, "plan"),
        ("POST", "/v1/tenants", {"id": "a", "limits": [{"name": "a", "rate": 5}]}, 422, "limits[0].rate"),
        ("POST", "/v1/tenants", {"id": "taken"}, 409, "id"),
        ("PATCH", "/v1/tenants/taken", {"id": "other"}, 422, "id"),
        ("PATCH", "/v1/tenants/taken", {"status": "active"}, 422, "status"),
        ("PATCH", "/v1/tenants/nobody", {}, 404, "id"),
        ("POST", "/v1/tenants/nobody/suspend", None, 404, "id"),
        ("POST", "/v1/tenants/taken/suspend", {"reason": "\x00"}, 422, "reason"),
        ("GET", "/v1/tenants?status=lost", None, 422, "status"),
        ("GET", "/v1/tenants?cursor=x", None, 422, "cursor"),
        ("DELETE", "/v1/tenants/taken", None, 409, "id"),
        ("POST", "/v1/plans", {"name": ""}, 422, "name"),
        ("POST", "/v1/plans", {"name": "taken"}, 409, "name"),
        ("PATCH", "/v1/plans/taken", {"name": "other"}, 422, "name"),
        ("DELETE", "/v1/plans/nothing", None, 404, "id"),
    ],
)
def test_what_cannot_be_is_refused(
    shared_http: httpx2.Client, method: str, path: str, body: object, status: int, field: str
) -> None:
    shared_http.post("/v1/keys", json={"name": "a", "tenant": "taken", "plan": "taken"})
    answer = shared_http.request(method, path, json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert all(error["message"] and error["remedy"] for error in answer.json()["errors"])
