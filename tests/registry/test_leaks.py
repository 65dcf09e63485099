"""Reports of leaked keys, in the shape of GitHub's secret scanning partner alerts, over real HTTP."""

import base64
import contextlib
import hashlib
import json
import logging
import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from extauth.bearer.http_client import HttpClient
from extauth.keys.digest import Pepper
from extauth.registry import leaks as leaks_module
from extauth.registry.database import Database
from extauth.registry.errors import UnavailableError
from extauth.registry.key import IssuedKey, State
from extauth.registry.leak_signatures import PublishedKeys, is_signed
from extauth.registry.leaks import Found, LeakReports
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.operations import KeyRegistry
from extauth.registry.settings import RegistrySettings
from extauth.settings.model import load
from extauth.settings.problems import SettingsError
from tests.bearer.http_server import HttpServer, Reply
from tests.registry.conftest import Clock, client_of, serve, settings_in

PATH = "/v1/leak-reports/github"
KEY_ID = "bcb53661c06b4728e59d897fb6165d5c9cda0fd9cdf9d09ead458168deb7518c"
PAIR = ec.generate_private_key(ec.SECP256R1())
PLACE = "https://github.com/octocat/Hello-World/blob/12345600b9cb/foo/bar.txt"


def pem(pair: ec.EllipticCurvePrivateKey = PAIR) -> str:
    return pair.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def signed(body: bytes, pair: ec.EllipticCurvePrivateKey = PAIR, key_id: str = KEY_ID) -> dict[str, str]:
    """The headers of GitHub."""
    signature = base64.b64encode(pair.sign(body, ec.ECDSA(SHA256()))).decode()
    return {"github-public-key-identifier": key_id, "github-public-key-signature": signature}


def match(token: str, url: str = PLACE, source: str = "content") -> dict[str, str]:
    return {"token": token, "type": "acme_api_key", "url": url, "source": source}


def body_of(*matches: object) -> bytes:
    return json.dumps(matches).encode()


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


@pytest.fixture
def reports(database: Database, pepper: Pepper, clock: Clock) -> LeakReports:
    second = Pepper("second", b"another pepper of 32 bytes or more")
    return LeakReports(database, [second, pepper], RegistryMetrics(CollectorRegistry()), clock)


def found(secrets: Sequence[str]) -> list[Found]:
    return [Found(secret, "a key", "content", "") for secret in secrets]


def test_keys_are_found_under_any_pepper_on_every_database(
    reports: LeakReports, create: Callable[..., IssuedKey], registry: KeyRegistry
) -> None:
    issued = [create() for _ in range(3)]
    registry.disable(issued[1].key.id, "tester")
    assert reports.report("github", found(["x", *(one.secret for one in issued)])) == [False, True, True, True]
    assert {registry.show(one.key.id).state(0) for one in issued} == {State.REVOKED}
    assert sorted(leak.key_state for leak in reports.find(10).leaks) == ["active", "active", "disabled"]


def test_a_report_that_takes_too_long_goes_on_when_it_comes_again(
    reports: LeakReports, create: Callable[..., IssuedKey], registry: KeyRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued = [create() for _ in range(4)]
    secrets = [one.secret for one in issued]
    ticks = iter(range(1000))
    monkeypatch.setattr(leaks_module, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    monkeypatch.setattr(leaks_module, "PATIENCE", 2.5)
    with pytest.raises(UnavailableError):
        reports.report("github", found(secrets))
    assert [registry.show(one.key.id).status.name for one in issued] == ["REVOKED", "REVOKED", "ACTIVE", "ACTIVE"]
    monkeypatch.setattr(leaks_module, "PATIENCE", 20)
    assert reports.report("github", found(secrets)) == [True] * 4
    assert len(reports.find(10).leaks) == 4


def test_a_database_that_fails_is_told_so_that_the_report_comes_again(
    reports: LeakReports, create: Callable[..., IssuedKey], registry: KeyRegistry, database: Database
) -> None:
    secret = create().secret
    with database.write() as connection:
        connection.execute(text("ALTER TABLE leak_reports RENAME TO away"))
    with pytest.raises(UnavailableError):
        reports.report("github", found([secret]))
    with database.write() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO leak_reports"))
    assert reports.report("github", found([secret])) == [True]


# Keys that GitHub publishes


@pytest.fixture
def github() -> Iterator[HttpServer]:
    server = HttpServer()
    yield server
    server.stop()


def publish(github: HttpServer, **keys: str) -> None:
    listed = [{"key_identifier": key_id, "key": key, "is_current": True} for key_id, key in keys.items()]
    github.reply = Reply(json.dumps({"public_keys": listed}).encode())


class Seconds:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def published(github: HttpServer, seconds: Seconds) -> PublishedKeys:
    return PublishedKeys(HttpClient(github.url("/meta"), 2, None), 2, seconds)


def is_good(keys: PublishedKeys, key_id: str, pair: ec.EllipticCurvePrivateKey = PAIR) -> bool:
    headers = signed(b"[]", pair)
    return is_signed(b"[]", key_id, headers["github-public-key-signature"], keys)


def test_published_keys_are_read_when_they_are_needed(
    published: PublishedKeys, github: HttpServer, seconds: Seconds
) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    publish(github, a=pem())
    assert is_good(published, "a")
    assert not is_good(published, "a", other)
    assert github.seen[0].headers["user-agent"] == "extauth"
    assert len(github.seen) == 1
    publish(github, b=pem(other))
    with pytest.raises(UnavailableError):  # may be new, and it is too early to look again
        is_good(published, "b", other)
    assert is_good(published, "a")
    seconds.now += 300
    assert is_good(published, "b", other)
    assert len(github.seen) == 2
    seconds.now += 300
    assert not is_good(published, "a")  # withdrawn
    assert len(github.seen) == 3


def test_strangers_cannot_make_us_ask_again_and_again(
    published: PublishedKeys, github: HttpServer, seconds: Seconds
) -> None:
    publish(github, a=pem())
    for number in range(50):
        with_unknown = f"unknown {number}"
        with contextlib.suppress(UnavailableError):
            assert not is_good(published, with_unknown)
        assert number == 0 or is_good(published, "a")
        seconds.now += 60
    assert len(github.seen) <= 11


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=403),
        Reply(b"{"),
        Reply(b"[]"),
        Reply(b'{"public_keys": 1}'),
        Reply(b'{"public_keys": [{"key_identifier": "a", "key": "no PEM"}]}'),
        Reply(json.dumps({"public_keys": [{"key_identifier": "a", "key": 5}]}).encode()),
        Reply(b" " * (1024 * 1024 + 1)),
    ],
)
def test_keys_from_before_serve_while_none_can_be_read(
    published: PublishedKeys, github: HttpServer, seconds: Seconds, reply: Reply
) -> None:
    good = github.reply
    github.reply = reply
    with pytest.raises(UnavailableError):
        is_good(published, "a")
    publish(github, a=pem())
    good = github.reply
    seconds.now += 300
    assert is_good(published, "a")
    github.reply = reply
    seconds.now += 3600
    assert is_good(published, "a")
    seconds.now += 86400
    with pytest.raises(UnavailableError):
        is_good(published, "a")
    github.reply = good
    seconds.now += 300
    assert is_good(published, "a")


@pytest.mark.parametrize("pair", [ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP256K1())])
def test_keys_of_other_curves_are_left_out(
    published: PublishedKeys, github: HttpServer, pair: ec.EllipticCurvePrivateKey
) -> None:
    publish(github, a=pem(pair), b=pem())
    assert is_good(published, "b")
    with pytest.raises(UnavailableError):
        is_good(published, "a", pair)


def test_settings_of_reports(tmp_path: Path) -> None:
    smallest = "admin_token: {env: A}\nkeys: {peppers: [{id: a, env: B}]}\nleak_reports: {github: "

    def read(github: dict[str, Any]) -> RegistrySettings:
        path = tmp_path / "registry.yaml"
        path.write_text(f"{smallest}{json.dumps(github)}}}\n")
        return load(RegistrySettings, path)

    url = "https://api.github.com/meta/public_keys/secret_scanning"
    read({"public_keys_url": url})
    read({"public_keys": [{"id": KEY_ID, "pem": pem()}]})
    other_curve = pem(ec.generate_private_key(ec.SECP384R1()))
    for wrong, named in (
        ({}, "leak_reports.github"),
        ({"public_keys_url": url, "public_keys": [{"id": "a", "pem": pem()}]}, "leak_reports.github"),
        ({"public_keys_url": "http://api.github.com/keys"}, "public_keys_url"),
        ({"public_keys_url": "https://user:pass@host/"}, "public_keys_url"),
        ({"public_keys": [{"id": "a", "pem": other_curve}]}, "pem"),
        ({"public_keys": [{"id": "a", "pem": "no PEM"}]}, "pem"),
    ):
        with pytest.raises(SettingsError, match=named):
            read(wrong)


def test_an_imported_key_of_another_system_is_found_too(
    http: httpx2.Client, send: Callable[..., httpx2.Response]
) -> None:
    secret = f"sk_live_of_another_system_{secrets.token_hex(8)}"
    row = {"name": "imported", "tenant": "acme", "secret": secret}
    assert http.post("/v1/keys:import", content=json.dumps(row)).json()["created"] == 1
    assert labels(send(body_of(match(secret)))) == ["true_positive"]
