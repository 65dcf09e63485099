"""The REST API of exports, over real HTTP: all of the keys, and none of their secrets."""

import csv
import io
import json
from collections.abc import Iterator

import httpx2
import pytest

from extauth.registry.errors import UnavailableError
from extauth.registry.rest import export_routes
from extauth.registry.server import RegistryServer
from tests.registry.identities import bearer, make_token

PATH = "/v1/keys:export"


@pytest.fixture
def secrets(http: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Of seven keys, which are more than three pages here."""
    monkeypatch.setattr(export_routes, "_PAGE", 2)
    made = []
    for number in range(7):
        body = {
            "name": f'key, "{number}"',
            "tenant": "acme" if number < 5 else "other",
            "scopes": ["a", "b"],
            "metadata": {"n": str(number)},
            "limits": [{"name": "per-key", "rate": "1/s"}],
        }
        made.append(http.post("/v1/keys", json=body).json()["secret"])
    return made


def test_json_lines_have_every_key_as_it_is_shown(http: httpx2.Client, secrets: list[str]) -> None:
    answer = http.get(PATH)
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    exported = [json.loads(line) for line in answer.text.splitlines()]
    assert [key["name"] for key in exported] == [f'key, "{number}"' for number in range(7)]
    assert exported == [http.get(f"/v1/keys/{key['id']}").json() for key in exported]


@pytest.mark.parametrize("ask", [{"params": {"format": "csv"}}, {"headers": {"accept": "text/csv"}}])
def test_csv_has_a_line_for_every_key(http: httpx2.Client, secrets: list[str], ask: dict[str, dict[str, str]]) -> None:
    answer = http.get(PATH, **ask)
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["name"] for row in rows] == [f'key, "{number}"' for number in range(7)]
    assert {(row["scopes"], json.loads(row["limits"])[0]["rate"]) for row in rows} == {("a b", "1/s")}
    assert json.loads(rows[3]["metadata"]) == {"n": "3"}


def test_an_export_has_no_secret(http: httpx2.Client, secrets: list[str]) -> None:
    for form in ("jsonl", "csv"):
        text = http.get(PATH, params={"format": form}).text
        assert not [secret for secret in secrets if secret.rpartition("_")[2] in text]
        assert "digest" not in text


def test_some_keys_alone_may_be_exported(http: httpx2.Client, secrets: list[str]) -> None:
    assert len(http.get(PATH, params={"text": 'key, "6"'}).text.splitlines()) == 1
    assert http.get(PATH, params={"tenant": "nobody"}).text == ""


def test_a_token_of_a_tenant_exports_its_keys_only(http: httpx2.Client, secrets: list[str]) -> None:
    token = bearer(make_token(http, "viewer", "other"))
    exported = [json.loads(line) for line in http.get(PATH, headers=token).text.splitlines()]
    assert [key["tenant"] for key in exported] == ["other", "other"]


def test_odd_queries_are_refused(http: httpx2.Client) -> None:
    for query in ({"format": "xml"}, {"limit": 5}, {"scope": "no scope"}):
        assert http.get(PATH, params=query).status_code == 422


def test_an_export_that_fails_on_the_way_is_no_complete_answer(
    http: httpx2.Client, server: RegistryServer, secrets: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = server.registry.find
    calls: Iterator[int] = iter(range(100))

    def failing(*arguments: object) -> object:
        if next(calls) == 2:
            raise UnavailableError("away")
        return find(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(server.registry, "find", failing)
    with pytest.raises(httpx2.RemoteProtocolError):
        http.get(PATH)
