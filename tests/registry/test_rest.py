"""The REST API over real HTTP: what each route answers."""

import re
from typing import Any

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from tests.registry.test_permissions import EXPECTED

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
NEW = {"name": "a key", "tenant": "acme"}


def create(http: httpx2.Client, **fields: object) -> dict[str, Any]:
    answer = http.post("/v1/keys", json=NEW | fields)
    assert answer.status_code == 201, answer.text
    key: dict[str, Any] = answer.json()
    return key


def test_create_answers_with_the_key_and_its_secret(http: httpx2.Client) -> None:
    answer = http.post("/v1/keys", json=NEW | {"scopes": ["a"], "plan": "gold", "metadata": {"k": "v"}})
    key = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/keys/{key['id']}"
    assert answer.headers["cache-control"] == "no-store"
    assert key["secret"].startswith(f"ea_{key['id']}_")
    assert TIME.fullmatch(key.pop("created_at"))
    del key["id"], key["secret"]
    assert key == {
        "prefix": "ea",
        "name": "a key",
        "tenant": "acme",
        "scopes": ["a"],
        "plan": "gold",
        "limits": [],
        "effective_plan": "gold",
        "effective_limits": [],
        "metadata": {"k": "v"},
        "status": "active",
        "created_by": "admin",
        "not_before": None,
        "expires_at": None,
        "revoked_at": None,
        "revoked_reason": "",
        "rotated_from": None,
        "rotated_to": None,
        "last_used_at": None,
        "revision": 1,
    }


def test_the_secret_is_shown_only_once(http: httpx2.Client) -> None:
    created = create(http)
    secret = created.pop("secret")
    shown = http.get(f"/v1/keys/{created['id']}")
    assert shown.json() == created
    assert secret not in shown.text + http.get("/v1/keys").text


def test_times_are_taken_with_any_offset_and_given_in_utc(shared_http: httpx2.Client) -> None:
    key = create(shared_http, not_before="2099-01-31T12:00:00.5+02:00", expires_at="2099-02-01T00:00:00Z")
    assert key["not_before"] == "2099-01-31T10:00:00.500Z"
    assert key["expires_at"] == "2099-02-01T00:00:00.000Z"
    assert key["status"] == "pending"


def test_lists_are_filtered_and_paged(http: httpx2.Client) -> None:
    made = [create(http, name=f"key {number}", tenant="acme" if number % 2 else "other") for number in range(5)]
    first = http.get("/v1/keys", params={"limit": 3}).json()
    second = http.get("/v1/keys", params={"limit": 3, "cursor": first["next_cursor"]}).json()
    assert {key["id"] for key in first["items"] + second["items"]} == {key["id"] for key in made}
    assert (len(first["items"]), second["next_cursor"]) == (3, "")
    acme = http.get("/v1/keys", params={"tenant": "acme", "text": "KEY", "status": "active"}).json()["items"]
    assert {key["name"] for key in acme} == {"key 1", "key 3"}


def test_update_changes_what_is_given(shared_http: httpx2.Client) -> None:
    key = create(shared_http, scopes=["a"], plan="gold")
    changed = shared_http.patch(f"/v1/keys/{key['id']}", json={"name": "new", "scopes": [], "plan": None})
    assert changed.status_code == 200
    assert (changed.json()["name"], changed.json()["scopes"], changed.json()["plan"]) == ("new", [], "gold")


def test_update_takes_times_away_when_they_are_null_and_only_then(shared_http: httpx2.Client) -> None:
    times = {"not_before": "2099-01-31T12:00:00.000Z", "expires_at": "2099-02-01T00:00:00.000Z"}
    path = f"/v1/keys/{create(shared_http)['id']}"
    assert shared_http.patch(path, json=times).json() | times == shared_http.get(path).json()
    assert shared_http.patch(path, json={"name": "new"}).json()["expires_at"] == times["expires_at"]
    changed = shared_http.patch(path, json={"expires_at": None}).json()
    assert (changed["not_before"], changed["expires_at"]) == (times["not_before"], None)
    assert shared_http.patch(path, json={"not_before": None}).json()["status"] == "active"


def test_limits_are_written_as_the_policy_writes_them(shared_http: httpx2.Client) -> None:
    given = [
        {"name": "a", "rate": "1000/min", "burst": 2000},
        {"name": "b", "rate": "5000 / 12h"},
        {"name": "c", "rate": "0.5/60s", "burst": None},
        {"name": "d", "rate": "1000000000/d"},
        {"name": "e", "rate": "7/15m"},
        {"name": "f", "rate": "12345678.125/ms"},
    ]
    key = create(shared_http, limits=given)
    assert [(limit["rate"], limit["burst"]) for limit in key["limits"]] == [
        ("1000/min", 2000),
        ("5000/12h", None),
        ("0.5/min", None),
        ("1000000000/d", None),
        ("7/15min", None),
        ("12345678.125/ms", None),
    ]
    assert key["effective_limits"] == key["limits"]
    again = shared_http.patch(f"/v1/keys/{key['id']}", json={"limits": key["limits"]}).json()
    assert (again["limits"], again["revision"]) == (key["limits"], key["revision"])
    assert shared_http.patch(f"/v1/keys/{key['id']}", json={"limits": []}).json()["limits"] == []


def test_a_change_for_another_tag_is_refused(shared_http: httpx2.Client) -> None:
    made = shared_http.post("/v1/keys", json=NEW)
    path, tag = made.headers["location"], made.headers["etag"]
    assert shared_http.get(path).headers["etag"] == tag

    def rename(if_match: str) -> int:
        return shared_http.patch(path, json={"name": f"for {if_match}"}, headers={"if-match": if_match}).status_code

    assert [rename(f"W/{tag}"), rename("x"), rename(""), rename('"0"')] == [412] * 4
    assert shared_http.get(path).headers["etag"] == tag
    assert rename(f'"0", {tag}') == 200
    assert rename(tag) == 412
    assert rename("*") == 200
    assert shared_http.get(path).json()["name"] == "for *"


def test_lists_are_sorted_and_searched(http: httpx2.Client) -> None:
    late = create(http, name="b", expires_at="2098-01-01T00:00:00Z", created_by="ada")
    soon = create(http, name="c", expires_at="2097-01-01T00:00:00Z", scopes=["read"], plan="gold")
    never = create(http, name="a", tenant="other")

    def ids(**query: str) -> list[str]:
        return [key["id"] for key in http.get("/v1/keys", params=query).json()["items"]]

    assert ids(sort="name") == [never["id"], late["id"], soon["id"]]
    assert ids(sort="name", order="desc") == [soon["id"], late["id"], never["id"]]
    assert ids(sort="expires") == [soon["id"], late["id"], never["id"]]
    assert ids(order="asc") == [late["id"], soon["id"], never["id"]]
    assert ids(expires_before="2097-06-01T00:00:00Z") == ids(scope="read") == ids(plan="gold") == [soon["id"]]
    assert ids(unused_since="2096-01-01T00:00:00Z", tenant="other") == [never["id"]]
    assert ids(text="ADA") == [late["id"]]
    first = http.get("/v1/keys", params={"sort": "expires", "limit": 1}).json()
    second = http.get("/v1/keys", params={"sort": "expires", "limit": 2, "cursor": first["next_cursor"]}).json()
    assert [key["id"] for key in first["items"] + second["items"]] == [soon["id"], late["id"], never["id"]]


def test_rotate_answers_with_the_successor_and_its_secret(shared_http: httpx2.Client) -> None:
    old = create(shared_http)
    answer = shared_http.post(f"/v1/keys/{old['id']}/rotate", json={"grace": "1h", "created_by": "ada"})
    new = answer.json()
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    assert (new["rotated_from"], new["created_by"]) == (old["id"], "ada")
    assert new["secret"] != old["secret"]
    retired = shared_http.get(f"/v1/keys/{old['id']}").json()
    assert retired["rotated_to"] == new["id"]
    assert retired["expires_at"] is not None
    assert retired["status"] == "active"


def test_rotate_without_a_body_grants_a_day(shared_http: httpx2.Client) -> None:
    old = create(shared_http)
    assert shared_http.post(f"/v1/keys/{old['id']}/rotate").status_code == 201
    assert shared_http.get(f"/v1/keys/{old['id']}").json()["status"] == "active"


def test_revoke_disable_enable_expire(http: httpx2.Client) -> None:
    key_id = create(http)["id"]
    states = [
        http.post(f"/v1/keys/{key_id}/{action}", json=body).json()["status"]
        for action, body in [
            ("disable", None),
            ("enable", None),
            ("expire", {"at": "2099-01-01T00:00:00Z"}),
            ("expire", None),
            ("revoke", {"reason": "leaked"}),
            ("revoke", {"reason": "again"}),
        ]
    ]
    assert states == ["disabled", "active", "active", "expired", "revoked", "revoked"]
    key = http.get(f"/v1/keys/{key_id}").json()
    assert (key["revoked_reason"], key["revision"]) == ("leaked", 6)
    assert TIME.fullmatch(key["revoked_at"])


def test_health_needs_no_token(shared_http: httpx2.Client) -> None:
    assert shared_http.get("/healthz", headers={"authorization": ""}).json() == {"status": "ok"}
    assert shared_http.get("/readyz", headers={"authorization": ""}).json() == {"status": "ready"}


def test_metrics_count_changes(http: httpx2.Client) -> None:
    key_id = create(http)["id"]
    http.post(f"/v1/keys/{key_id}/revoke")
    page = http.get("/metrics", headers={"authorization": ""})
    samples = {
        sample.labels["action"]: sample.value
        for family in text_string_to_metric_families(page.text)
        for sample in family.samples
        if sample.name == "extauth_registry_changes_total"
    }
    assert samples == {"tenant_created": 1.0, "created": 1.0, "revoked": 1.0}


def test_openapi_describes_the_problems_of_every_route(shared_http: httpx2.Client) -> None:
    page = shared_http.get("/openapi.json", headers={"authorization": ""}).json()
    paths = {path: methods for path, methods in page["paths"].items() if path.startswith("/v1/")}
    assert len(paths) > 10
    for path, methods in paths.items():
        for method, operation in methods.items():
            assert "application/problem+json" in operation["responses"]["default"]["content"]
            assert "application/json" not in operation["responses"].get("422", {}).get("content", {})
            needs_token = bool(EXPECTED[f"{method.upper()} {path}"].roles)
            assert ("security" in operation) == needs_token
            assert ({"401", "403", "429", "503"} <= set(operation["responses"])) == needs_token
            assert ("Roles: " in operation["description"]) == needs_token
