"""`extauth admin-tokens` and `extauth audit` against a real registry."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from extauth.cli.main import main
from extauth.registry.server import RegistryServer

TOKEN = "the-admin-token-of-the-tests"
SECRET = re.compile(r"extauth_admin_\w{12}_\w{38}")


@pytest.fixture
def run(server: RegistryServer) -> Callable[..., Result]:
    def run(*arguments: str, token: str = TOKEN) -> Result:
        variables = {"REGISTRY_URL": f"http://{server.http_address}", "REGISTRY_TOKEN": token}
        result = CliRunner().invoke(main, arguments, env=variables)
        assert TOKEN not in result.output
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


def create(run: Callable[..., Result], *arguments: str) -> dict[str, Any]:
    result = run("admin-tokens", "create", "--name", "ci", "--output", "json", *arguments)
    assert result.exit_code == 0, result.output
    token: dict[str, Any] = json.loads(result.stdout)
    return token


def test_create_shows_the_token_once_and_says_so(run: Callable[..., Result]) -> None:
    result = run("admin-tokens", "create", "--name", "ci", "--role", "viewer", "--expires", "30d")
    assert result.exit_code == 0
    lines = dict(re.split(r"  +", line, maxsplit=1) for line in result.stdout.splitlines() if "  " in line)
    assert (lines["name"], lines["role"], lines["status"]) == ("ci", "viewer", "active")
    assert SECRET.fullmatch(lines["secret"])
    assert "only this once" in result.stdout
    assert not SECRET.search(run("admin-tokens", "list").stdout + run("admin-tokens", "show", lines["id"]).stdout)


def test_quiet_prints_the_token_alone_and_it_can_be_used(run: Callable[..., Result]) -> None:
    secret = run("admin-tokens", "create", "--name", "ci", "--role", "editor", "--quiet").output.strip()
    assert SECRET.fullmatch(secret)
    who = json.loads(run("admin-tokens", "whoami", "--output", "json", token=secret).stdout)
    assert (who["role"], who["tenant"]) == ("editor", None)
    refused = run("admin-tokens", "list", token=secret)
    assert refused.exit_code == 1
    assert "editor may not do this" in refused.stderr
    assert secret not in refused.output


def test_the_life_of_a_token(run: Callable[..., Result]) -> None:
    run("keys", "create", "--name", "a", "--tenant", "acme")
    old = create(run, "--role", "editor", "--tenant", "acme")
    new = json.loads(run("admin-tokens", "rotate", old["id"], "--grace", "0s", "--output", "json").stdout)
    assert (new["rotated_from"], new["tenant"]) == (old["id"], "acme")
    assert run("keys", "list", token=old["secret"]).exit_code == 1
    assert run("keys", "list", token=new["secret"]).exit_code == 0
    assert "revoked" in run("admin-tokens", "revoke", new["id"], "--reason", "left").stdout
    listed = run("admin-tokens", "list", "--tenant", "acme").stdout.splitlines()
    assert listed[0].split()[:5] == ["ID", "NAME", "ROLE", "TENANT", "STATUS"]
    assert all("revoked" in line for line in listed[1:])


@pytest.mark.parametrize(
    ("arguments", "exit_code"),
    [
        (["create", "--name", "a"], 2),
        (["create", "--name", "a", "--role", "king"], 2),
        (["create", "--name", "a", "--role", "viewer", "--tenant", "nobody"], 1),
        (["show", "000000000000"], 1),
        (["rotate", "000000000000", "--grace", "soon"], 2),
    ],
)
def test_wrong_usage_and_refusals(run: Callable[..., Result], arguments: list[str], exit_code: int) -> None:
    result = run("admin-tokens", *arguments)
    assert result.exit_code == exit_code
    assert result.stdout == ""


class TestAudit:
    def test_changes_are_listed(self, run: Callable[..., Result]) -> None:
        key_id = json.loads(run("keys", "create", "--name", "a", "--tenant", "told", "--output", "json").stdout)["id"]
        run("keys", "update", key_id, "--name", "b")
        heading, newest, first = run("audit", "--target", key_id).stdout.splitlines()
        assert heading.split() == ["AT", "ACTOR", "ACTION", "KIND", "TARGET", "TENANT", "ADDRESS", "CHANGES"]
        assert newest.split()[2:8] == ["admin-token", "updated", "key", key_id, "told", "127.0.0.1"]
        assert newest.endswith("name=a>b")
        assert "created" in first
        assert "name=a" in first

    def test_as_json_and_as_csv(self, run: Callable[..., Result]) -> None:
        run("keys", "create", "--name", "a", "--tenant", "csv")
        items = json.loads(run("audit", "--tenant", "csv", "--from", "1h", "--output", "json").stdout)["items"]
        assert {item["kind"] for item in items} == {"key", "tenant"}
        lines = run("audit", "--tenant", "csv", "--output", "csv").stdout.splitlines()
        assert lines[0] == "at,actor,action,kind,target,tenant,address,changes"
        assert len(lines) == len(items) + 1

    def test_there_may_be_more(self, run: Callable[..., Result]) -> None:
        run("keys", "create", "--name", "a", "--tenant", "more")
        result = run("audit", "--tenant", "more", "--limit", "1")
        cursor = result.stderr.split("--cursor ")[1].strip()
        assert len(run("audit", "--tenant", "more", "--cursor", cursor).stdout.splitlines()) == 2
