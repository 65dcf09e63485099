"""The REST API on revocations of bearer tokens, over real HTTP."""

import sqlite3
from pathlib import Path

import httpx2
import pytest

from extauth.registry.server import RegistryServer
from extauth.registry.settings import RegistrySettings

PATH = "/v1/token-revocations"
SUBJECT = {"issuer": "https://issuer.example/", "subject": "ada@example.com"}
TOKEN = {"issuer": "https://issuer.example/", "jti": "5f0c-41"}


def fields(answer: httpx2.Response) -> list[str]:
    assert answer.status_code == 422, answer.text
    return [error["field"] for error in answer.json()["errors"]]


def test_a_new_revocation_is_201_and_a_known_one_200(http: httpx2.Client) -> None:
    first = http.post(PATH, json=SUBJECT | {"reason": "left", "until": "2099-01-01T02:00:00+02:00"})
    assert first.status_code == 201
    shown = first.json()
    assert first.headers["location"] == f"{PATH}/{shown['id']}"
    assert shown.pop("created_at").endswith("Z")
    assert shown == {
        "id": shown["id"],
        "issuer": "https://issuer.example/",
        "claim": "sub",
        "status": "revoked",
        "reason": "left",
        "created_by": "admin-token",
        "expires_at": "2099-01-01T00:00:00.000Z",
        "revision": 1,
    }
    again = http.post(PATH, json=SUBJECT | {"until": "2098-01-01T00:00:00Z"})
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["location"] == first.headers["location"]
    assert http.get(first.headers["location"]).json() == first.json()


def test_lifting_and_revoking_again(http: httpx2.Client) -> None:
    path = http.post(PATH, json=SUBJECT).headers["location"]
    assert http.post(f"{path}/lift").json()["status"] == "lifted"
    assert http.post(f"{path}/lift").status_code == 200
    again = http.post(PATH, json=SUBJECT)
    assert (again.status_code, again.json()["status"], again.json()["revision"]) == (200, "revoked", 3)


def test_a_single_token_cannot_be_lifted(shared_http: httpx2.Client) -> None:
    path = shared_http.post(PATH, json=TOKEN).headers["location"]
    answer = shared_http.post(f"{path}/lift")
    assert answer.status_code == 409
    assert answer.json()["detail"].startswith("the revocation is of a single token")


def test_lists_are_paged_and_one_is_found_by_what_it_revokes(http: httpx2.Client) -> None:
    for number in range(3):
        http.post(PATH, json={"issuer": "a", "jti": str(number)})
    subject = http.post(PATH, json=SUBJECT).json()
    first = http.get(PATH, params={"limit": 3}).json()
    rest = http.get(PATH, params={"limit": 3, "cursor": first["next_cursor"]}).json()
    assert (len(first["items"]), len(rest["items"]), rest["next_cursor"]) == (3, 1, "")
    assert len(http.get(PATH, params={"issuer": "a"}).json()["items"]) == 3
    assert http.get(PATH, params=SUBJECT).json() == {"items": [subject], "next_cursor": ""}
    assert http.get(PATH, params=TOKEN).json()["items"] == []


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, ["issuer"]),
        ({"issuer": "a"}, ["subject"]),
        ({"issuer": "a", "subject": "b", "jti": "c"}, ["subject"]),
        ({"issuer": "", "subject": ""}, ["issuer", "subject"]),
        ({"issuer": "a", "jti": "\n"}, ["jti", "jti"]),
        ({"issuer": "a", "jti": 5}, ["jti"]),
        ({"issuer": "a", "jti": "b", "until": "30d"}, ["until"]),
        ({"issuer": "a", "jti": "b", "until": "2020-01-01T00:00:00Z"}, ["until"]),
        ({"issuer": "a", "jti": "b", "reason": "x" * 201}, ["reason"]),
        ({"issuer": "a", "sub": "b"}, ["sub"]),
    ],
)
def test_fields_that_cannot_be_taken_are_named(
    shared_http: httpx2.Client, body: dict[str, object], named: list[str]
) -> None:
    assert fields(shared_http.post(PATH, json=body)) == named


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("subject=a", "issuer"),
        ("issuer=a&subject=b&jti=c", "subject"),
        ("issuer=a&jti=", "jti"),
        ("cursor=x", "cursor"),
    ],
)
def test_queries_are_checked(shared_http: httpx2.Client, query: str, named: str) -> None:
    assert fields(shared_http.get(f"{PATH}?{query}")) == [named]


def test_an_unknown_revocation_is_not_found(shared_http: httpx2.Client) -> None:
    for answer in (shared_http.get(f"{PATH}/tr_000000000000"), shared_http.post(f"{PATH}/000000000000/lift")):
        assert answer.status_code == 404
        assert answer.json()["detail"] == "no revocation has this id"


def test_neither_subject_nor_token_is_stored_as_it_is(
    server: RegistryServer, http: httpx2.Client, settings: RegistrySettings
) -> None:
    for body in (SUBJECT, TOKEN):
        assert http.post(PATH, json=body).status_code == 201
    path = Path(settings.database.removeprefix("sqlite:///"))
    while_open = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
    server.stop()
    assert b"issuer.example" in while_open  # the search would find it
    assert b"ada@example.com" not in while_open + path.read_bytes()
    assert b"5f0c-41" not in while_open + path.read_bytes()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM token_revocations").fetchone() == (2,)
    connection.close()
