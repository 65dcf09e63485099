"""Every error of the REST API: its status, its shape, its headers, and what it must not tell."""

import socket
import sqlite3
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from extauth.registry.server import RegistryServer
from extauth.registry.settings import RegistrySettings

NEW = {"name": "a key", "tenant": "acme"}
ABSENT = "/v1/keys/000000000000"


def problem(answer: httpx2.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert set(body) == {"type", "title", "status", "detail", "errors"}
    assert (body["type"], body["status"]) == ("about:blank", status)
    assert body["title"]
    assert body["detail"]
    assert all(set(error) == {"field", "message", "remedy"} for error in body["errors"])
    return body


def fields(answer: httpx2.Response) -> list[str]:
    return [error["field"] for error in problem(answer, 422)["errors"]]


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer wrong", "Basic the-admin-token-of-the-tests", "the-admin-token-of-the-tests"],
)
@pytest.mark.parametrize("path", ["/v1/keys", ABSENT, "/v1/nothing", "/healthz/"])
def test_without_the_token_nothing_answers(shared_http: httpx2.Client, authorization: str, path: str) -> None:
    answer = shared_http.get(path, headers={"authorization": authorization})
    assert problem(answer, 401)["errors"][0]["field"] == "authorization"
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_stranger_learns_nothing_about_bodies(shared_http: httpx2.Client) -> None:
    answer = shared_http.post("/v1/keys", content=b"{", headers={"authorization": "Bearer no"})
    problem(answer, 401)


def test_the_scheme_is_read_in_any_case(shared_http: httpx2.Client, token: str) -> None:
    assert shared_http.get("/v1/keys", headers={"authorization": f"bearer {token}"}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ABSENT),
        ("PATCH", ABSENT),
        ("POST", f"{ABSENT}/rotate"),
        ("POST", f"{ABSENT}/revoke"),
        ("POST", f"{ABSENT}/expire"),
        ("POST", f"{ABSENT}/disable"),
        ("POST", f"{ABSENT}/enable"),
        ("GET", "/v1/keys/%00"),
    ],
)
def test_an_unknown_key_is_not_found(shared_http: httpx2.Client, method: str, path: str) -> None:
    body: object = {} if method == "PATCH" else None
    assert problem(shared_http.request(method, path, json=body), 404)["errors"][0]["field"] == "id"


def test_an_unknown_path_is_not_found_and_a_wrong_method_not_allowed(shared_http: httpx2.Client) -> None:
    problem(shared_http.get("/v1/nothing"), 404)
    answer = shared_http.delete("/v1/keys")
    problem(answer, 405)
    assert answer.headers["allow"]


def test_what_the_state_of_a_key_rules_out_is_a_conflict(shared_http: httpx2.Client) -> None:
    key_id = shared_http.post("/v1/keys", json=NEW).json()["id"]
    shared_http.post(f"/v1/keys/{key_id}/revoke")
    for action in ("rotate", "expire", "disable", "enable"):
        (error,) = problem(shared_http.post(f"/v1/keys/{key_id}/{action}"), 409)["errors"]
        assert error["field"] == "status"
        assert error["remedy"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, ["name", "tenant"]),
        (NEW | {"name": ""}, ["name"]),
        (NEW | {"name": 5}, ["name"]),
        (NEW | {"tenant": "a b", "plan": "a b"}, ["tenant", "plan"]),
        (NEW | {"scopes": "a"}, ["scopes"]),
        (NEW | {"scopes": ["a", 1]}, ["scopes[1]"]),
        (NEW | {"scopes": ["a", "a b"]}, ["scopes[1]"]),
        (NEW | {"metadata": {"k": 1}}, ["metadata.k"]),
        (NEW | {"expires": "30d"}, ["expires"]),
        (NEW | {"expires_at": "tomorrow"}, ["expires_at"]),
        (NEW | {"expires_at": 1900000000}, ["expires_at"]),
        (NEW | {"expires_at": "2020-01-01T00:00:00Z"}, ["expires_at"]),
        (NEW | {"created_by": ""}, ["created_by"]),
        (NEW | {"limits": [{"name": "a", "rate": "fast"}]}, ["limits[0].rate"]),
        (NEW | {"limits": [{"name": "a", "rate": "0/s"}]}, ["limits[0].rate"]),
        (NEW | {"limits": [{"name": "a", "rate": "1/s", "burst": 0}]}, ["limits[0].burst"]),
        (NEW | {"limits": [{"name": "A", "rate": "1/s"}, {"rate": "1/s"}]}, ["limits[1].name"]),
        (NEW | {"limits": [{"name": "A", "rate": "1/999d"}]}, ["limits[0].name", "limits[0].rate"]),
        (NEW | {"tenant": "never-made", "existing": True}, ["tenant"]),
        ([], [""]),
        ("text", [""]),
    ],
)
def test_fields_that_cannot_be_taken_are_named(shared_http: httpx2.Client, body: object, named: list[str]) -> None:
    answer = shared_http.post("/v1/keys", json=body)
    assert fields(answer) == named
    assert all(error["message"] and error["remedy"] for error in answer.json()["errors"])


@pytest.mark.parametrize("content", [b"{", b"", b"\xff\xfe", b'{"name": '])
def test_a_body_that_is_not_json(shared_http: httpx2.Client, content: bytes) -> None:
    answer = shared_http.post("/v1/keys", content=content, headers={"content-type": "application/json"})
    assert answer.status_code in {400, 422}
    problem(answer, answer.status_code)


@pytest.mark.parametrize("content", [b"[" * 60_000, b'{"n":' + b"9" * 5000 + b"}", b'{"\\ud800": 1}'])
def test_json_made_to_hurt_is_refused_and_hurts_nobody(shared_http: httpx2.Client, content: bytes) -> None:
    answer = shared_http.post("/v1/keys", content=content, headers={"content-type": "application/json"})
    assert answer.status_code in {400, 422}
    problem(answer, answer.status_code)
    assert shared_http.get("/healthz").status_code == 200


def test_json_must_be_called_so(shared_http: httpx2.Client) -> None:
    answer = shared_http.post(
        "/v1/keys", content=b'{"name": "a", "tenant": "b"}', headers={"content-type": "text/plain"}
    )
    assert fields(answer) == [""]


def test_the_bodies_of_the_actions_are_checked(shared_http: httpx2.Client) -> None:
    key = shared_http.post("/v1/keys", json=NEW).json()
    key_id = key["id"]

    def post(action: str, body: object) -> httpx2.Response:
        return shared_http.post(f"/v1/keys/{key_id}/{action}", json=body)

    assert fields(post("rotate", {"grace": "soon"})) == ["grace"]
    assert fields(post("rotate", {"grace": "999d"})) == ["grace"]
    assert fields(post("rotate", {"gracious": "1h"})) == ["gracious"]
    assert fields(post("revoke", {"reason": "\x00"})) == ["reason"]
    assert fields(post("expire", {"at": "2020-01-01T00:00:00Z"})) == ["at"]
    assert fields(shared_http.patch(f"/v1/keys/{key_id}", json={"tenant": "other"})) == ["tenant"]
    assert shared_http.get(f"/v1/keys/{key_id}").json()["revision"] == key["revision"]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("limit=0", "limit"),
        ("limit=x", "limit"),
        ("status=lost", "status"),
        ("owner=a", "owner"),
        ("cursor=x", "cursor"),
        ("sort=size", "sort"),
        ("order=up", "order"),
        ("expires_before=soon", "expires_before"),
        ("scope=*", "scope"),
    ],
)
def test_queries_are_checked(shared_http: httpx2.Client, query: str, named: str) -> None:
    assert fields(shared_http.get(f"/v1/keys?{query}")) == [named]


def test_a_body_that_is_too_large_is_refused(shared_http: httpx2.Client) -> None:
    problem(shared_http.post("/v1/keys", json=NEW | {"name": "x" * 70_000}), 413)

    def chunks() -> Iterator[bytes]:
        for _ in range(70):
            yield b"x" * 1000

    problem(shared_http.post("/v1/keys", content=chunks(), headers={"content-type": "application/json"}), 413)


def test_a_refusal_does_not_repeat_a_secret_in_the_wrong_place(shared_http: httpx2.Client) -> None:
    secret = shared_http.post("/v1/keys", json=NEW).json()["secret"]
    answers = [
        shared_http.get(f"/v1/keys/{secret}"),
        shared_http.get("/v1/keys", params={"cursor": secret}),
        shared_http.get("/v1/keys", params={"status": secret}),
        shared_http.post(
            "/v1/keys", json=NEW | {"tenant": secret, "scopes": [secret], "expires_at": secret, "metadata": secret}
        ),
        shared_http.post("/v1/keys", json=NEW | {"limits": [{"name": secret, "rate": secret}]}),
        shared_http.get(f"/v1/tenants/{secret}"),
        shared_http.get(f"/v1/plans/{secret}"),
    ]
    assert all(answer.status_code in {404, 422} and secret not in answer.text for answer in answers)


def test_a_client_that_goes_away_in_the_middle_of_a_body_hurts_nobody(
    http: httpx2.Client, server: RegistryServer, token: str
) -> None:
    host, port = server.http_address.split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(
            b"POST /v1/keys HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n"
            + f"authorization: Bearer {token}\r\n\r\n{{".encode()
        )
    assert http.get("/v1/keys").json()["items"] == []


def test_an_outage_of_the_database_is_503_and_nothing_else(http: httpx2.Client, settings: RegistrySettings) -> None:
    key_id = http.post("/v1/keys", json=NEW).json()["id"]
    with sqlite3.connect(settings.database.removeprefix("sqlite:///")) as connection:
        for table in ("changes", "keys", "registry"):
            connection.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
    connection.close()
    for method, path, body in [
        ("GET", "/readyz", None),
        ("GET", "/v1/keys", None),
        ("GET", f"/v1/keys/{key_id}", None),
        ("POST", "/v1/keys", NEW),
        ("PATCH", f"/v1/keys/{key_id}", {"name": "new"}),
        ("POST", f"/v1/keys/{key_id}/revoke", None),
        ("POST", f"/v1/keys/{key_id}/rotate", None),
    ]:
        answer = http.request(method, path, json=body)
        detail = problem(answer, 503)["detail"]
        assert "keys" not in detail
        assert answer.headers["retry-after"]
    assert http.get("/healthz").status_code == 200
    assert http.get("/v1/keys", headers={"authorization": ""}).status_code == 401


@pytest.mark.parametrize(
    ("path", "methods"),
    [("/v1/keys", "GET, POST"), (ABSENT, "GET, PATCH"), ("/v1/plans/gold", "DELETE, GET, PATCH"), ("/healthz", "GET")],
)
def test_a_wrong_method_is_answered_with_all_the_right_ones(
    shared_http: httpx2.Client, path: str, methods: str
) -> None:
    answer = shared_http.options(path)
    problem(answer, 405)
    assert answer.headers["allow"] == methods
