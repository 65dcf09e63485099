"""The REST API on usage, over real HTTP."""

import httpx2
import pytest

from extauth.registry import times
from extauth.registry.server import RegistryServer
from extauth.registry.usage_listing import HOUR
from tests.support.usage import NOON, batch, row

WINDOW = {"from": "2027-01-15T00:00:00Z", "to": "2027-01-16T00:00:00Z"}


@pytest.fixture
def used(server: RegistryServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.ledger, "_clock", lambda: NOON + HOUR)
    rows = row("a"), row("a", NOON - HOUR, allowed=2, limited=3, denied=4), row("b", tenant="other", api="admin")
    server.ledger.add([batch(1, *rows)])


def test_usage_is_listed_by_hour(http: httpx2.Client, used: None) -> None:
    page = http.get("/v1/usage", params={**WINDOW, "key": "a"}).json()
    shown = {"key": "a", "tenant": "acme", "api": "orders"}
    assert page == {
        "items": [
            {"start": "2027-01-15T12:00:00.000Z", **shown, "allowed": 1, "limited": 0, "denied": 0},
            {"start": "2027-01-15T11:00:00.000Z", **shown, "allowed": 2, "limited": 3, "denied": 4},
        ],
        "next_cursor": "",
    }


def test_usage_is_listed_by_day_and_paged(http: httpx2.Client, used: None) -> None:
    query = {**WINDOW, "by": "day", "limit": 1}
    first = http.get("/v1/usage", params=query).json()
    second = http.get("/v1/usage", params={**query, "cursor": first["next_cursor"]}).json()
    assert [(item["key"], item["allowed"]) for item in (*first["items"], *second["items"])] == [("b", 1), ("a", 3)]
    assert second["next_cursor"] == ""
    assert {item["start"] for item in first["items"]} == {"2027-01-15T00:00:00.000Z"}


def test_without_times_the_last_day_is_shown(http: httpx2.Client, used: None) -> None:
    assert len(http.get("/v1/usage", params={"api": "admin", "tenant": "other"}).json()["items"]) == 1


def test_a_key_shows_when_it_was_last_used(http: httpx2.Client, server: RegistryServer) -> None:
    key_id = http.post("/v1/keys", json={"name": "a", "tenant": "acme"}).json()["id"]
    now = times.now()
    server.ledger.add([batch(1, row(key_id, now))])
    assert http.get(f"/v1/keys/{key_id}").json()["last_used_at"] == times.to_rfc3339(now)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("by=week", "by"),
        ("from=yesterday", "from"),
        ("from=2027-01-02T00:00:00Z&to=2027-01-01T00:00:00Z", "from"),
        ("key=%00", "key"),
        ("limit=501", "limit"),
        ("cursor=x", "cursor"),
        ("until=x", "until"),
    ],
)
def test_queries_are_checked(shared_http: httpx2.Client, query: str, named: str) -> None:
    answer = shared_http.get(f"/v1/usage?{query}")
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [named]


def test_without_the_token_nothing_is_told(shared_http: httpx2.Client) -> None:
    assert shared_http.get("/v1/usage", headers={"authorization": ""}).status_code == 401
