"""`extauth keys` against a real registry: what it prints, and its exit codes."""

import json
import re
import socket
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner, Result

from extauth.cli.keys import keys
from extauth.registry.server import RegistryServer

TOKEN = "the-admin-token-of-the-tests"


@pytest.fixture
def run(server: RegistryServer) -> Callable[..., Result]:
    return lambda *arguments, **environment: invoke(f"http://{server.http_address}", *arguments, **environment)


def invoke(url: str, *arguments: str, **environment: str) -> Result:
    variables = {"REGISTRY_URL": url, "REGISTRY_TOKEN": TOKEN, **environment}
    result = CliRunner().invoke(keys, arguments, env=variables)
    assert TOKEN not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def create(run: Callable[..., Result], *arguments: str, tenant: str = "acme") -> dict[str, Any]:
    result = run("create", "--name", "a key", "--tenant", tenant, "--output", "json", *arguments)
    assert result.exit_code == 0, result.output
    key: dict[str, Any] = json.loads(result.stdout)
    return key


def test_create_shows_the_secret_once_and_says_so(run: Callable[..., Result]) -> None:
    result = run("create", "--name", "a key", "--tenant", "acme", "--scope", "a", "--scope", "b", "--plan", "gold")
    assert result.exit_code == 0
    lines = dict(re.split(r"  +", line, maxsplit=1) for line in result.stdout.splitlines() if "  " in line)
    assert (lines["name"], lines["scopes"], lines["plan"], lines["status"]) == ("a key", "a,b", "gold", "active")
    assert lines["secret"].startswith(f"ea_{lines['id']}_")
    assert "only this once" in result.stdout


def test_create_takes_everything(run: Callable[..., Result]) -> None:
    key = create(
        run,
        "--expires",
        "30d",
        "--not-before",
        "2020-01-01T01:00:00+01:00",
        "--metadata",
        "team=a=b",
        "--created-by",
        "ada",
    )
    assert key["not_before"] == "2020-01-01T00:00:00.000Z"
    assert key["metadata"] == {"team": "a=b"}
    assert key["created_by"] == "ada"
    assert key["expires_at"] > key["created_at"]
    assert key["secret"]


def test_quiet_prints_the_secret_alone(run: Callable[..., Result]) -> None:
    created = run("create", "--name", "a", "--tenant", "acme", "--quiet")
    assert re.fullmatch(r"ea_\w{12}_\w{38}\n", created.output)
    rotated = run("rotate", created.output.split("_")[1], "--quiet")
    assert re.fullmatch(r"ea_\w{12}_\w{38}\n", rotated.output)


def test_list_is_aligned(run: Callable[..., Result]) -> None:
    create(run, tenant="aligned")
    create(run, "--expires", "2099-01-31T12:34:56Z", tenant="aligned")
    result = run("list", "--tenant", "aligned")
    heading, *rows = result.stdout.splitlines()
    names = "ID NAME TENANT SCOPES PLAN STATUS CREATED BY CREATED EXPIRES LAST USED"
    assert heading.split() == names.split()
    assert {row[heading.index("STATUS") :].split()[0] for row in rows} == {"active"}
    expires = slice(heading.index("EXPIRES"), heading.index("LAST USED"))
    assert {row[expires].strip() for row in rows} == {"-", "2099-01-31 12:34Z"}
    assert run("list", "--tenant", "nobody").stdout.splitlines() == [
        "ID  NAME  TENANT  SCOPES  PLAN  STATUS  CREATED BY  CREATED  EXPIRES  LAST USED"
    ]


def test_list_goes_on_from_a_cursor(run: Callable[..., Result]) -> None:
    for _ in range(3):
        create(run, tenant="paged")
    first = run("list", "--tenant", "paged", "--limit", "2", "--status", "active", "--text", "a k")
    cursor = first.stderr.split("--cursor ")[1].strip()
    rest = json.loads(run("list", "--tenant", "paged", "--cursor", cursor, "--output", "json").stdout)
    assert (len(rest["items"]), rest["next_cursor"]) == (1, "")


def test_the_life_of_a_key(run: Callable[..., Result]) -> None:
    key_id = create(run)["id"]
    assert "disabled" in run("disable", key_id).stdout
    assert "active" in run("enable", key_id).stdout
    assert "2099-01-01 00:00Z" in run("expire", key_id, "--at", "2099-01-01T00:00:00Z").stdout
    successor = json.loads(run("rotate", key_id, "--grace", "1h", "--output", "json").stdout)
    assert successor["rotated_from"] == key_id
    assert successor["id"] in run("show", key_id).stdout
    assert "expired" in run("expire", key_id).stdout
    assert "leaked" in run("revoke", successor["id"], "--reason", "leaked").stdout


def test_update_replaces_and_clears(run: Callable[..., Result]) -> None:
    key_id = create(run, "--scope", "a", "--metadata", "k=v", "--plan", "gold")["id"]

    def update(*options: str) -> Any:
        return json.loads(run("update", key_id, "--output", "json", *options).stdout)

    assert update("--name", "new")["scopes"] == ["a"]
    assert update("--scope", "b", "--scope", "c")["scopes"] == ["b", "c"]
    cleared = update("--no-scopes", "--no-metadata", "--plan", "")
    assert (cleared["scopes"], cleared["metadata"], cleared["plan"], cleared["name"]) == ([], {}, "", "new")


def test_update_changes_limits_and_times(run: Callable[..., Result]) -> None:
    key = create(run, "--rate", "per-key=10/s", "--expires", "30d", "--not-before", "2020-01-01T00:00:00Z")
    key_id, revision = key["id"], str(key["revision"])
    assert key["limits"] == [{"name": "per-key", "rate": "10/s", "burst": None}]

    def update(*options: str) -> Any:
        return json.loads(run("update", key_id, "--output", "json", *options).stdout)

    changed = update("--rate", "per-key=5/min:7", "--no-expires", "--revision", revision)
    assert (changed["limits"][0]["rate"], changed["limits"][0]["burst"]) == ("5/min", 7)
    assert (changed["expires_at"], changed["not_before"]) == (None, key["not_before"])
    cleared = update("--no-rates", "--no-not-before", "--expires", "2099-01-01T00:00:00Z")
    assert (cleared["limits"], cleared["not_before"], cleared["expires_at"][:4]) == ([], None, "2099")
    stale = run("update", key_id, "--name", "new", "--revision", revision)
    assert (stale.exit_code, "read the key again" in stale.stderr) == (1, True)


def test_lists_are_filtered_and_sorted(run: Callable[..., Result]) -> None:
    soon = create(run, "--expires", "10d", "--scope", "read", "--plan", "gold", tenant="sorted")["id"]
    late = create(run, "--expires", "90d", tenant="sorted")["id"]

    def ids(*options: str) -> list[str]:
        listed = run("list", "--tenant", "sorted", "--output", "json", *options)
        return [key["id"] for key in json.loads(listed.stdout)["items"]]

    assert ids() == ids("--sort", "expires", "--order", "desc") == [late, soon]
    assert ids("--sort", "expires") == [soon, late]
    assert ids("--expires-before", "30d") == ids("--scope", "read") == ids("--plan", "gold") == [soon]
    assert ids("--unused-since", "1d") == ids("--status", "suspended") == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["create", "--name", "a", "--tenant", "a b"], ["tenant", "use 1 to 63"]),
        (["create", "--name", "a", "--tenant", "a", "--expires", "2020-01-01T00:00:00Z"], ["expires_at", "later time"]),
        (["show", "000000000000"], ["id", "list the keys"]),
        (["show", "../../healthz"], ["Not Found"]),
        (["list", "--cursor", "x"], ["cursor", "next_cursor"]),
    ],
)
def test_a_refusal_names_field_and_remedy(run: Callable[..., Result], arguments: list[str], words: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.splitlines()) == 1
    assert all(word in result.stderr for word in words)


def test_a_conflict_is_a_refusal(run: Callable[..., Result]) -> None:
    key_id = create(run)["id"]
    run("revoke", key_id)
    result = run("enable", key_id)
    assert result.exit_code == 1
    assert "create a new key" in result.stderr


def test_a_wrong_token_is_a_refusal(run: Callable[..., Result]) -> None:
    result = run("list", REGISTRY_TOKEN="not-the-token")
    assert result.exit_code == 1
    assert "authorization" in result.stderr
    assert "not-the-token" not in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["create"],
        ["create", "--name", "a", "--tenant", "a", "--expires", "soon"],
        ["create", "--name", "a", "--tenant", "a", "--expires", "99999999999999999999d"],
        ["create", "--name", "a", "--tenant", "a", "--metadata", "k"],
        ["create", "--name", "a", "--tenant", "a", "--metadata", "k=1", "--metadata", "k=2"],
        ["rotate", "000000000000", "--grace", "soon"],
        ["update", "000000000000", "--scope", "a", "--no-scopes"],
        ["update", "000000000000", "--expires", "1d", "--no-expires"],
        ["list", "--limit", "501"],
        ["list", "--sort", "size"],
        ["list", "--unused-since", "soon"],
        ["list", "--output", "xml"],
    ],
)
def test_wrong_usage(run: Callable[..., Result], arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak-secret", "schlüssel-secret"])
def test_a_token_that_cannot_be_sent_is_wrong_usage_and_is_not_shown(run: Callable[..., Result], token: str) -> None:
    result = run("list", REGISTRY_TOKEN=token)
    assert result.exit_code == 2
    assert "REGISTRY_TOKEN" in result.stderr
    assert not token or token not in result.output
    assert "secret" not in result.output


@pytest.mark.parametrize("url", ["127.0.0.1:9903", "ftp://x", "http://user:pass@x", "http://x:99999"])
def test_a_url_that_cannot_be_used_is_wrong_usage(url: str) -> None:
    assert invoke(url, "list").exit_code == 2


def test_a_registry_that_is_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    result = invoke(f"http://127.0.0.1:{port}", "list")
    assert result.exit_code == 3
    assert "not reachable" in result.stderr


class _Elsewhere(BaseHTTPRequestHandler):
    """Something that is no registry: every answer is a page, a redirect or a fault."""

    answers: ClassVar = {
        "/page": (200, "text/html", b"<html>"),
        "/list": (200, "application/json", b"[]"),
        "/moved": (302, "text/html", b""),
        "/gone": (404, "application/json", b'{"detail": "Not Found"}'),
        "/fault": (500, "application/problem+json", b'{"detail": "a fault", "errors": []}'),
    }

    def do_GET(self) -> None:
        status, media_type, body = self.answers[self.path.removesuffix("/v1/keys?limit=50")]
        self.send_response(status)
        self.send_header("content-type", media_type)
        self.send_header("location", "http://127.0.0.1:1/")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("path", _Elsewhere.answers)
def test_an_answer_that_is_not_a_registrys_is_a_fault(path: str) -> None:
    with HTTPServer(("127.0.0.1", 0), _Elsewhere) as elsewhere:
        thread = Thread(target=elsewhere.handle_request)
        thread.start()
        result = invoke(f"http://127.0.0.1:{elsewhere.server_port}{path}", "list")
        thread.join()
    assert result.exit_code == 3
    assert len(result.stderr.splitlines()) == 1


def test_help_says_to_prefer_the_environment(run: Callable[..., Result]) -> None:
    assert "Prefer the environment" in run("create", "--help").stdout
