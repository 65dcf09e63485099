"""`extauth usage` against a real registry: what it prints, and its exit codes."""

import csv
import json
from collections.abc import Callable

import pytest
import yaml
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
    rows = row("a", now, allowed=2), row("a", now - 3_600_000), row("b", now, limited=1, **{"denied:expired_key": 3})
    server.ledger.add([batch(1, *rows)])
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
    assert [(line["key"], line["allowed"], line["limited"], line["denied"]) for line in lines] == [
        ("b", "0", "1", "3"),
        ("a", "2", "0", "0"),
        ("a", "1", "0", "0"),
    ]
    assert lines[0]["start"].endswith(":00:00.000Z")


def test_usage_is_json_and_yaml(run: Callable[..., Result]) -> None:
    arguments = ("--resolution", "day", "--key", "b")
    page = json.loads(run("usage", "--output", "json", *arguments).stdout)
    assert (page["items"][0]["limited"], page["next_cursor"], page["resolution"]) == (1, "", "day")
    assert yaml.safe_load(run("usage", "--output", "yaml", *arguments).stdout) == page


def test_usage_is_grouped(run: Callable[..., Result]) -> None:
    result = run("usage", "--by", "outcome", "--resolution", "total", "--from", "2d")
    _heading, *lines = result.stdout.splitlines()
    assert [line.split()[2:] for line in lines] == [
        ["limited", "0", "1", "0"],
        ["denied:expired_key", "0", "0", "3"],
        ["allowed", "3", "0", "0"],
    ]
    result = run("usage", "--by", "", "--resolution", "total", "--from", "2d", "--outcome", "denied:expired_key")
    assert result.stdout.splitlines()[1].split()[2:] == ["0", "0", "3"]


def test_all_usage_is_fetched_page_by_page(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("extauth.cli.usage._MOST", 1)
    result = run("usage", "--all", "--from", "1d", "--resolution", "minute", "--output", "csv")
    assert len(result.stdout.splitlines()) == 1 + 3
    assert result.stderr == ""


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
        (["--by", "key,key"], 2),
        (["--resolution", "week"], 2),
        (["--output", "xml"], 2),
        (["--from", "1h", "--to", "2h"], 1),
        (["--outcome", "no"], 1),
        (["--cursor", "x"], 1),
    ],
)
def test_wrong_usage_and_refusals(run: Callable[..., Result], arguments: list[str], code: int) -> None:
    assert run("usage", *arguments).exit_code == code
