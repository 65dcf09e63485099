"""`extauth usage` against a real registry: what it prints, and its exit codes."""

import csv
import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from extauth.cli.keys import keys
from extauth.cli.usage import usage
from extauth.registry import times
from extauth.registry.server import RegistryServer
from tests.support.usage import batch, row

TOKEN = "the-admin-token-of-the-tests"


@pytest.fixture
def run(server: RegistryServer) -> Callable[..., Result]:
    now = times.now()
    server.ledger.add([batch(1, row("a", now, allowed=2), row("a", now - 3_600_000), row("b", now, limited=1))])
    variables = {"REGISTRY_URL": f"http://{server.http_address}", "REGISTRY_TOKEN": TOKEN}
    commands = {"keys": keys, "usage": usage}
    return lambda name, *arguments: CliRunner().invoke(commands[name], arguments, env=variables)


def test_usage_is_a_table(run: Callable[..., Result]) -> None:
    result = run("usage", "--key", "a", "--limit", "1")
    assert result.exit_code == 0, result.output
    heading, line = result.stdout.splitlines()
    assert heading.split() == ["START", "KEY", "TENANT", "API", "ALLOWED", "LIMITED", "DENIED"]
    assert line.split()[2:] == ["a", "acme", "orders", "2", "0", "0"]
    assert "--cursor" in result.stderr


def test_usage_is_csv(run: Callable[..., Result]) -> None:
    result = run("usage", "--output", "csv", "--from", "7d", "--to", "0s", "--api", "orders", "--tenant", "acme")
    lines = list(csv.DictReader(result.stdout.splitlines()))
    assert [(line["key"], line["allowed"], line["limited"]) for line in lines] == [
        ("b", "0", "1"),
        ("a", "2", "0"),
        ("a", "1", "0"),
    ]
    assert lines[0]["start"].endswith(":00:00.000Z")


def test_usage_is_json(run: Callable[..., Result]) -> None:
    page = json.loads(run("usage", "--output", "json", "--by", "day", "--key", "b").stdout)
    assert (page["items"][0]["limited"], page["next_cursor"]) == (1, "")


def test_keys_show_when_they_were_last_used(run: Callable[..., Result], server: RegistryServer) -> None:
    created = run("keys", "create", "--name", "a", "--tenant", "used", "--output", "json")
    key_id = json.loads(created.stdout)["id"]
    assert "last_used_at" not in run("keys", "show", key_id).stdout
    server.ledger.add([batch(1, row(key_id, times.now()), instance="aaaaaaaaaaaaaaaa")])
    assert "last_used_at" in run("keys", "show", key_id).stdout
    _heading, line = run("keys", "list", "--tenant", "used").stdout.splitlines()
    assert line.endswith("Z")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--from", "soon"], 2),
        (["--by", "week"], 2),
        (["--output", "yaml"], 2),
        (["--from", "1h", "--to", "2h"], 1),
        (["--cursor", "x"], 1),
    ],
)
def test_wrong_usage_and_refusals(run: Callable[..., Result], arguments: list[str], code: int) -> None:
    assert run("usage", *arguments).exit_code == code
