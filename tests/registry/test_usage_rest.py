"""The REST API on usage, over real HTTP."""

import csv
import json
from collections.abc import Iterator

import httpx2
import pytest

from extauth.registry import times
from extauth.registry.errors import UnavailableError
from extauth.registry.server import RegistryServer
from extauth.registry.usage_tables import HOUR
from tests.support.usage import NOON, batch, row

WINDOW = {"from": "2027-01-15T00:00:00Z", "to": "2027-01-16T00:00:00Z"}


@pytest.fixture
def used(server: RegistryServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.ledger, "_clock", lambda: NOON + HOUR)
    denied = {"denied:expired_key": 3, "denied:missing_scope": 1}
    rows = row("a"), row("a", NOON - HOUR, allowed=2, limited=3, **denied), row("b", tenant="other", api="admin")
    server.ledger.add([batch(1, *rows)])


def test_usage_is_listed_by_hour(http: httpx2.Client, used: None) -> None:
    page = http.get("/v1/usage", params={**WINDOW, "key": "a"}).json()
    shown = {"key": "a", "tenant": "acme", "api": "orders"}
    noon, eleven = "2027-01-15T12:00:00.000Z", "2027-01-15T11:00:00.000Z"
    assert page == {
        "items": [
            {"start": noon, "end": "2027-01-15T13:00:00.000Z", **shown, "allowed": 1, "limited": 0, "denied": 0},
            {"start": eleven, "end": noon, **shown, "allowed": 2, "limited": 3, "denied": 4},
        ],
        "resolution": "hour",
        "next_cursor": "",
    }


def test_usage_is_listed_by_day_and_paged(http: httpx2.Client, used: None) -> None:
    query = {**WINDOW, "resolution": "day", "limit": 1}
    first = http.get("/v1/usage", params=query).json()
    second = http.get("/v1/usage", params={**query, "cursor": first["next_cursor"]}).json()
    assert [(item["key"], item["allowed"]) for item in (*first["items"], *second["items"])] == [("b", 1), ("a", 3)]
    assert second["next_cursor"] == ""
    assert {item["start"] for item in first["items"]} == {"2027-01-15T00:00:00.000Z"}


def test_usage_is_grouped_by_outcome(http: httpx2.Client, used: None) -> None:
    page = http.get("/v1/usage", params={**WINDOW, "by": "outcome,tenant", "resolution": "total", "tenant": "acme"})
    assert [tuple(item.values())[2:] for item in page.json()["items"]] == [
        ("acme", "limited", 0, 3, 0),
        ("acme", "denied:missing_scope", 0, 0, 1),
        ("acme", "denied:expired_key", 0, 0, 3),
        ("acme", "allowed", 3, 0, 0),
    ]
    page = http.get("/v1/usage", params={**WINDOW, "by": "", "outcome": "denied:expired_key"})
    assert [tuple(item) for item in page.json()["items"]] == [("start", "end", "allowed", "limited", "denied")]


def test_without_times_the_last_day_is_shown(http: httpx2.Client, used: None) -> None:
    assert len(http.get("/v1/usage", params={"api": "admin", "tenant": "other"}).json()["items"]) == 1


@pytest.mark.parametrize("asked", [{"params": {"format": "csv"}}, {"headers": {"accept": "text/csv; charset=utf-8"}}])
def test_a_page_is_csv_with_a_link_to_the_next(
    http: httpx2.Client, used: None, asked: dict[str, dict[str, str]]
) -> None:
    params = {**WINDOW, "limit": "2", **asked.get("params", {})}
    headers = asked.get("headers", {})
    first = http.get("/v1/usage", params=params, headers=headers)
    assert first.headers["content-type"] == "text/csv; charset=utf-8"
    second = http.get(first.headers["link"].removeprefix("<").partition(">")[0], headers=headers)
    assert "link" not in second.headers
    lines = [*csv.DictReader(first.text.splitlines()), *csv.DictReader(second.text.splitlines())]
    assert [(line["key"], line["denied"]) for line in lines] == [("b", "0"), ("a", "0"), ("a", "4")]


def test_an_export_is_csv_or_json(http: httpx2.Client, used: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("extauth.registry.ledger._EXPORT_PAGE", 2)
    items = http.get("/v1/usage", params=WINDOW).json()["items"]
    as_csv = http.get("/v1/usage/export", params={**WINDOW, "format": "csv"})
    assert as_csv.headers["content-disposition"] == 'attachment; filename="usage.csv"'
    assert as_csv.text.startswith("start,end,key,tenant,api,allowed,limited,denied\r\n")
    texts = [{name: str(value) for name, value in item.items()} for item in items]
    assert list(csv.DictReader(as_csv.text.splitlines())) == texts
    as_json = http.get("/v1/usage/export", params=WINDOW)
    assert (as_json.headers["content-type"], as_json.json()) == ("application/json", items)
    assert len(as_json.text.splitlines()) == len(items) + 2
    assert http.get("/v1/usage/export", params={**WINDOW, "key": "nobody"}).json() == []


def test_an_export_that_fails_on_the_way_is_not_complete(
    http: httpx2.Client, server: RegistryServer, used: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = server.ledger._parts

    def failing(*arguments: object) -> Iterator[object]:
        yield from parts(*arguments)  # type: ignore[arg-type]
        raise UnavailableError("the database has gone")

    monkeypatch.setattr(server.ledger, "_parts", failing)
    with pytest.raises(httpx2.RemoteProtocolError):
        http.get("/v1/usage/export", params=WINDOW)


def test_a_large_export_comes_in_parts(http: httpx2.Client, server: RegistryServer) -> None:
    now = times.now()
    rows = [row(f"{number:012}", now - number % 60 * 60_000) for number in range(20_000)]
    server.ledger.add([batch(1, *rows)])
    with http.stream(
        "GET", "/v1/usage/export", params={"resolution": "minute", "from": times.to_rfc3339(now - 2 * HOUR)}
    ) as answer:
        text = "".join(answer.iter_text())
    assert len({item["key"] for item in json.loads(text)}) == len(rows)


def test_a_key_shows_when_it_was_last_used(http: httpx2.Client, server: RegistryServer) -> None:
    key_id = http.post("/v1/keys", json={"name": "a", "tenant": "acme"}).json()["id"]
    now = times.now()
    server.ledger.add([batch(1, row(key_id, now))])
    assert http.get(f"/v1/keys/{key_id}").json()["last_used_at"] == times.to_rfc3339(now)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("by=week", "by"),
        ("by=key,key", "by"),
        ("by=key,", "by"),
        ("resolution=week", "resolution"),
        ("outcome=denied:X", "outcome"),
        ("format=xml", "format"),
        ("from=yesterday", "from"),
        ("from=2027-01-02T00:00:00Z&to=2027-01-01T00:00:00Z", "from"),
        ("key=%00", "key"),
    ],
)
def test_queries_are_checked(shared_http: httpx2.Client, query: str, named: str) -> None:
    for path in ("/v1/usage", "/v1/usage/export"):
        answer = shared_http.get(f"{path}?{query}")
        assert answer.status_code == 422
        assert [error["field"] for error in answer.json()["errors"]] == [named]


@pytest.mark.parametrize(("query", "named"), [("limit=501", "limit"), ("cursor=x", "cursor"), ("until=x", "until")])
def test_queries_of_pages_are_checked(shared_http: httpx2.Client, query: str, named: str) -> None:
    answer = shared_http.get(f"/v1/usage?{query}")
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [named]


def test_without_the_token_nothing_is_told(shared_http: httpx2.Client) -> None:
    for path in ("/v1/usage", "/v1/usage/export"):
        assert shared_http.get(path, headers={"authorization": ""}).status_code == 401
