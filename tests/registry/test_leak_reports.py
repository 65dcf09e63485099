"""Reports of leaked keys, in the shape of GitHub's secret scanning partner alerts, over real HTTP."""

import base64
import hashlib
import json
import logging
import secrets
from collections.abc import Callable, Iterator

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA384

from extauth.registry.leaks import Found
from extauth.registry.settings import RegistrySettings
from tests.registry.conftest import client_of, serve, settings_in
from tests.registry.leak_messages import KEY_ID, PAIR, PATH, PLACE, body_of, match, pem, signed


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """A registry that takes GitHub's reports; its client has an admin token."""
    base = settings_in(tmp_path_factory.mktemp("leaks"))
    github = {"public_keys": [{"id": KEY_ID, "pem": pem()}]}
    given = {**base.model_dump(exclude_unset=True), "leak_reports": {"github": github}}
    for server in serve(RegistrySettings.model_validate(given)):
        yield from client_of(server)


@pytest.fixture
def send(http: httpx2.Client) -> Callable[..., httpx2.Response]:
    """Send a report as GitHub does: without a token of ours."""

    def send(body: bytes, headers: dict[str, str] | None = None) -> httpx2.Response:
        with httpx2.Client(base_url=http.base_url) as github:
            return github.post(PATH, content=body, headers=signed(body) if headers is None else headers)

    return send


def make(http: httpx2.Client, tenant: str = "acme") -> tuple[str, str]:
    """A new key: id and secret."""
    made = http.post("/v1/keys", json={"name": "a key", "tenant": tenant}).json()
    return made["id"], made["secret"]


def labels(answer: httpx2.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [item["label"] for item in answer.json()]


def test_a_key_of_ours_is_revoked_and_told_apart_from_others(
    http: httpx2.Client, send: Callable[..., httpx2.Response]
) -> None:
    key_id, secret = make(http)
    kept_id, _ = make(http)
    answer = send(body_of(match(secret), match("ea_000000000000_no_key_of_ours")))
    assert answer.json() == [
        {
            "token_hash": hashlib.sha256(secret.encode()).hexdigest(),
            "token_type": "acme_api_key",
            "label": "true_positive",
        },
        {
            "token_hash": hashlib.sha256(b"ea_000000000000_no_key_of_ours").hexdigest(),
            "token_type": "acme_api_key",
            "label": "false_positive",
        },
    ]
    key = http.get(f"/v1/keys/{key_id}").json()
    assert (key["status"], key["revoked_reason"]) == ("revoked", "leaked: github found it in content")
    assert http.get(f"/v1/keys/{kept_id}").json()["status"] == "active"


def test_who_reported_what_where_is_kept(http: httpx2.Client, send: Callable[..., httpx2.Response]) -> None:
    key_id, secret = make(http, "kept")
    send(body_of(match(secret), match(secret, source="Issue_comment", url="")))
    items = http.get("/v1/leak-reports", params={"key": key_id}).json()["items"]
    shown = [(item["source"], item["url"], item["key_state"], item["reporter"], item["tenant"]) for item in items]
    assert sorted(shown) == [
        ("content", PLACE, "active", "github", "kept"),
        ("issue_comment", "", "revoked", "github", "kept"),
    ]
    (entry,) = [
        entry
        for entry in http.get("/v1/audit", params={"target": key_id}).json()["items"]
        if entry["action"] == "revoked"
    ]
    assert entry["actor"] == "leak-report:github"
    assert "content" in entry["after"]["revoked_reason"]


def test_a_report_that_comes_again_changes_nothing(http: httpx2.Client, send: Callable[..., httpx2.Response]) -> None:
    key_id, secret = make(http, "again")
    body = body_of(match(secret))
    assert labels(send(body)) == ["true_positive"]
    before = http.get(f"/v1/keys/{key_id}").json(), http.get("/v1/leak-reports", params={"tenant": "again"}).json()
    assert [labels(send(body, signed(body))) for _ in range(3)] == [["true_positive"]] * 3
    after = http.get(f"/v1/keys/{key_id}").json(), http.get("/v1/leak-reports", params={"tenant": "again"}).json()
    assert after == before
    assert len(after[1]["items"]) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda body, headers: (body + b" ", headers),
        lambda body, _: (body, {}),
        lambda body, headers: (body, {**headers, "github-public-key-signature": ""}),
        lambda body, headers: (body, {**headers, "github-public-key-signature": "not base64"}),
        lambda body, headers: (body, {**headers, "github-public-key-signature": base64.b64encode(b"x" * 64).decode()}),
        lambda body, headers: (body, {**headers, "github-public-key-identifier": "another"}),
        lambda body, _: (body, signed(body, ec.generate_private_key(ec.SECP256R1()))),
        lambda body, headers: (
            body,
            {
                **headers,
                "github-public-key-signature": base64.b64encode(PAIR.sign(body, ec.ECDSA(SHA384()))).decode(),
            },
        ),
    ],
)
def test_what_github_did_not_sign_is_refused(
    http: httpx2.Client,
    send: Callable[..., httpx2.Response],
    change: Callable[[bytes, dict[str, str]], tuple[bytes, dict[str, str]]],
) -> None:
    key_id, secret = make(http)
    body = body_of(match(secret))
    answer = send(*change(body, signed(body)))
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert http.get(f"/v1/keys/{key_id}").json()["status"] == "active"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"{}", b'"x"', b"[1]", b"[{}]", b'[{"token": 5}]', b'[{"token": "\\ud800"}]', b"\xff", b"[" * 10000],
)
def test_signed_nonsense_is_refused_and_not_repeated(send: Callable[..., httpx2.Response], body: bytes) -> None:
    answer = send(body)
    assert answer.status_code == 422
    assert [error["message"] for error in answer.json()["errors"]] == ["is not a list of matches"]


def test_strange_texts_do_not_keep_a_key_from_being_revoked(
    http: httpx2.Client, send: Callable[..., httpx2.Response]
) -> None:
    key_id, secret = make(http, "strange")
    strange = {"token": secret, "type": "x" * 5000, "url": "\x00https://\u202ea" + "y" * 5000, "source": "s\n" * 500}
    assert labels(send(body_of({**strange, "added_later": [1]}, {"token": "🔑"}, {"token": ""}))) == [
        "true_positive",
        "false_positive",
        "false_positive",
    ]
    assert http.get(f"/v1/keys/{key_id}").json()["status"] == "revoked"
    (item,) = http.get("/v1/leak-reports", params={"tenant": "strange"}).json()["items"]
    assert item["url"].startswith("https://a")
    assert len(item["url"]) < 2048 > len(item["type"])


def test_bodies_have_a_limit_that_many_keys_fit_into(send: Callable[..., httpx2.Response], http: httpx2.Client) -> None:
    _, secret = make(http)
    many = body_of(*(match(f"ea_{number:012}_x") for number in range(2000)), match(secret))
    assert labels(send(many)) == ["false_positive"] * 2000 + ["true_positive"]
    assert send(b" " * (1024 * 1024 + 1)).status_code == 413


def test_tokens_are_in_no_answer_log_or_metric(
    http: httpx2.Client,
    send: Callable[..., httpx2.Response],
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    _, secret = make(http)
    body = body_of(match(secret), match("ea_another_secret"))
    texts = [send(body).text, send(body, {}).text, send(body[:-1] + b"!").text]
    texts += [http.get("/metrics").text, http.get("/v1/leak-reports").text, http.get("/v1/audit").text]
    printed = capsys.readouterr()
    texts += [caplog.text, printed.out, printed.err]
    for token in (secret, secret.rpartition("_")[2], "ea_another_secret"):
        assert not any(token in text for text in texts)
    assert secret not in repr(Found(secret, "", "", ""))


def test_what_became_of_tokens_is_counted(http: httpx2.Client, send: Callable[..., httpx2.Response]) -> None:
    def counted() -> dict[str, float]:
        lines = [
            line for line in http.get("/metrics").text.splitlines() if line.startswith("extauth_registry_leaks_total{")
        ]
        return {line.split('"')[1]: float(line.rpartition(" ")[2]) for line in lines}

    before = counted()
    _, secret = make(http)
    send(body_of(match(secret), match(secret), match("nothing of ours")))
    after = counted()
    assert {name: after[name] - before.get(name, 0) for name in after} == {"revoked": 1, "known": 1, "unknown": 1}


def test_reports_are_off_unless_they_are_set_up(shared_http: httpx2.Client) -> None:
    body = body_of(match("x"))
    answer = shared_http.post(PATH, content=body, headers=signed(body))
    assert (answer.status_code, "leak_reports" in answer.json()["detail"]) == (404, True)


def test_leaks_are_listed_for_those_who_may_see_them(http: httpx2.Client, send: Callable[..., httpx2.Response]) -> None:
    for _ in range(3):
        send(body_of(match(make(http, "listed")[1])))
    first = http.get("/v1/leak-reports", params={"tenant": "listed", "limit": 2}).json()
    second = http.get("/v1/leak-reports", params={"tenant": "listed", "cursor": first["next_cursor"]}).json()
    assert len({item["id"] for item in (*first["items"], *second["items"])}) == 3
    assert second["next_cursor"] == ""
    assert http.get("/v1/leak-reports", params={"key": "\x00"}).status_code == 422
    assert http.get("/v1/leak-reports", params={"cursor": "x"}).status_code == 422
    with httpx2.Client(base_url=http.base_url) as stranger:
        assert stranger.get("/v1/leak-reports").status_code == 401


def test_an_imported_key_of_another_system_is_found_too(
    http: httpx2.Client, send: Callable[..., httpx2.Response]
) -> None:
    secret = f"sk_live_of_another_system_{secrets.token_hex(8)}"
    row = {"name": "imported", "tenant": "acme", "secret": secret}
    assert http.post("/v1/keys:import", content=json.dumps(row)).json()["created"] == 1
    assert labels(send(body_of(match(secret)))) == ["true_positive"]
