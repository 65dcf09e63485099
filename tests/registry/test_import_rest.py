"""The REST API of imports, over real HTTP: what may be sent, and what is told of bad rows."""

import csv
import hashlib
import io
import json
import socket
from collections.abc import Iterator, Mapping
from typing import Any

import httpx2
import pytest
from prometheus_client import CollectorRegistry
from starlette.requests import Request

from extauth.registry.authentication import BOOTSTRAP
from extauth.registry.errors import UnavailableError
from extauth.registry.rest.import_routes import ImportQuery, ImportRoutes
from extauth.registry.server import RegistryServer
from extauth.registry.settings import RegistrySettings
from tests.registry.identities import bearer, make_token

PATH = "/v1/keys:import"
SECRET = "a-key-of-another-system"


def lines(*rows: Mapping[str, Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def good(number: int, **more: Any) -> dict[str, Any]:
    return {"name": f"key {number}", "tenant": "acme", "secret": f"{SECRET}-{number}", **more}


def send(http: httpx2.Client, body: bytes | Iterator[bytes], **query: Any) -> dict[str, Any]:
    answer = http.post(PATH, content=body, params=query)
    assert answer.status_code == 200, answer.text
    assert SECRET not in answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def test_json_lines_become_keys(http: httpx2.Client) -> None:
    more = {
        "scopes": ["read"],
        "plan": "gold",
        "limits": [{"name": "per-key", "rate": "10/s", "burst": 20}],
        "metadata": {"team": "billing"},
        "not_before": "2026-01-01T00:00:00Z",
        "expires_at": "2099-01-01T00:00:00Z",
        "created_by": "ada",
    }
    answer = send(http, lines(good(1), good(2, **more)) + b"\n  \n", id="move")
    assert {name: answer[name] for name in ("id", "position", "created", "refused", "stopped", "problems")} == {
        "id": "move",
        "position": 2,
        "created": 2,
        "refused": 0,
        "stopped": False,
        "problems": [],
    }
    newest = http.get("/v1/keys", params={"text": "key 2"}).json()["items"][0]
    given = {name: newest[name] for name in more}
    assert given == {**more, "not_before": "2026-01-01T00:00:00.000Z", "expires_at": "2099-01-01T00:00:00.000Z"}
    assert newest["prefix"] == ""


def test_csv_becomes_keys(http: httpx2.Client) -> None:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["name", "tenant", "scopes", "metadata", "limits", "sha256", "expires_at"])
    sha256 = hashlib.sha256(b"whatever it is").hexdigest()
    limits = '[{"name": "per-key", "rate": "5/min"}]'
    writer.writerow(['a "quoted", name', "acme", "read write,list", '{"a": "b"}', limits, sha256, ""])
    answer = http.post(PATH, content="\ufeff".encode() + text.getvalue().encode(), headers={"content-type": "text/csv"})
    assert answer.json()["created"] == 1, answer.text
    key = http.get("/v1/keys").json()["items"][0]
    assert (key["name"], key["scopes"], key["metadata"]) == ('a "quoted", name', ["read", "write", "list"], {"a": "b"})
    assert (key["limits"][0]["rate"], key["expires_at"]) == ("5/min", None)


def test_every_bad_row_is_told_with_its_line_and_a_remedy(http: httpx2.Client) -> None:
    bad = [
        b'{"name": "x", ' + SECRET.encode(),
        lines(good(1, name="")),
        lines(good(2, secret="short")),
        lines(good(3, secret=f"{SECRET} with spaces")),
        lines(good(4, secret="")),
        lines(good(5, sha256="0" * 64)),
        lines(good(6, secret="", sha256=SECRET)),
        lines(good(7, expires_at="2001-01-01T00:00:00Z")),
        lines(good(8, expires_at="soon")),
        lines(good(9, scopes=["not a scope"], tenant="no tenant")),
        lines(good(10, colour="blue")),
        lines(good(11, scopes="read")),
        b'{"name": "\xff", "secret": "' + SECRET.encode() + b'"}',
        b"[]",
        b"null",
    ]
    answer = send(http, b"\n\n".join(part.strip() for part in bad) + b"\n" + lines(good(99)))
    told = [(problem["line"], problem["row"], problem["field"]) for problem in answer["problems"]]
    assert told == [
        (1, 1, ""),
        (3, 2, "name"),
        (5, 3, "secret"),
        (7, 4, "secret"),
        (9, 5, "secret"),
        (11, 6, "secret"),
        (13, 7, "sha256"),
        (15, 8, "expires_at"),
        (17, 9, "expires_at"),
        (19, 10, "tenant"),
        (19, 10, "scopes[0]"),
        (21, 11, "colour"),
        (23, 12, "scopes"),
        (25, 13, ""),
        (27, 14, ""),
        (29, 15, ""),
    ]
    assert all(problem["message"] and problem["remedy"] for problem in answer["problems"])
    assert (answer["created"], answer["refused"]) == (1, 15)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"name,colour\na,b\n", "column 2"),
        (b"name,name\na,b\n", "column 2"),
        (b'name,secret\n"a\n', "line 2"),
        (b"name,secret\n" + b"x" * 70_000, "line 2"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_as_a_whole(http: httpx2.Client, body: bytes, field: str) -> None:
    answer = http.post(PATH, content=body, params={"format": "csv"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


def test_a_row_of_csv_with_too_few_cells_is_refused(http: httpx2.Client) -> None:
    answer = send(http, f"name,tenant,secret\na,acme\nb,acme,{SECRET}\n".encode(), format="csv")
    assert [(problem["line"], answer["created"]) for problem in answer["problems"]] == [(2, 1)]


def test_a_file_may_be_long_and_comes_in_pieces_of_any_size(http: httpx2.Client) -> None:
    whole = lines(*(good(number, metadata={"padding": "x" * 200}) for number in range(1, 1201)))
    assert len(whole) > 3 * 64 * 1024
    pieces = (whole[start : start + 7_001] for start in range(0, len(whole), 7_001))
    assert send(http, pieces, id="long")["created"] == 1200
    assert http.get(PATH, params={"id": "long"}).json()["items"][0]["position"] == 1200


def test_a_connection_that_breaks_leaves_whole_batches_and_the_file_goes_on(
    http: httpx2.Client, server: RegistryServer, token: str
) -> None:
    whole = lines(*(good(number) for number in range(1, 1301)))
    host, _, port = server.http_address.rpartition(":")
    with socket.create_connection((host, int(port)), 10) as connection:
        head = f"POST {PATH}?id=cut HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n"
        connection.sendall(f"{head}content-length: {len(whole)}\r\n\r\n".encode() + whole[: len(whole) - 40])
    statuses = set()
    while 200 not in statuses:  # 409: the server is still at work on what it had of the first one
        answer = http.post(PATH, content=whole, params={"id": "cut"})
        statuses.add(answer.status_code)
        assert statuses <= {200, 409}
    assert (answer.json()["position"], answer.json()["created"]) == (1300, 1300)
    assert len({key["name"] for key in _all(http)}) == 1300


def _all(http: httpx2.Client) -> Iterator[Mapping[str, Any]]:
    cursor = ""
    while True:
        page = http.get("/v1/keys", params={"limit": 500, "cursor": cursor}).json()
        yield from page["items"]
        cursor = page["next_cursor"]
        if not cursor:
            return


def test_an_editor_of_a_tenant_imports_for_that_tenant_only(http: httpx2.Client) -> None:
    http.post("/v1/tenants", json={"id": "acme"})
    token = bearer(make_token(http, "editor", "acme"))
    body = lines(
        {"name": "own", "secret": f"{SECRET}-1"}, good(2, tenant="other"), good(3, plan="gold"), good(4, tenant="acme")
    )
    answer = http.post(PATH, content=body, params={"id": "own"}, headers=token).json()
    assert (answer["created"], [problem["field"] for problem in answer["problems"]]) == (2, ["tenant", "plan"])
    assert http.get(PATH, params={"id": "own"}).json()["items"] == []
    assert http.get(PATH, headers=token).json()["items"][0]["created"] == 2


def test_so_many_at_once_are_the_most(settings: RegistrySettings, token: str) -> None:
    server = RegistryServer(settings, CollectorRegistry())
    routes = ImportRoutes(server._imports)
    taken = [routes._seats.acquire(blocking=False) for _ in range(5)]
    assert taken == [True, True, True, True, False]
    request = Request({"type": "http", "headers": []})
    with pytest.raises(UnavailableError, match="4 imports"):
        routes.take(request, ImportQuery(), BOOTSTRAP)


@pytest.mark.parametrize("query", [{"id": "no spaces"}, {"position": -1}, {"format": "xml"}, {"colour": "blue"}])
def test_odd_queries_are_refused(http: httpx2.Client, query: dict[str, Any]) -> None:
    assert http.post(PATH, content=b"", params=query).status_code == 422
