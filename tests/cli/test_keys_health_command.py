"""`extauth keys health` and `extauth keys leaks` against a real registry."""

import json
from collections.abc import Callable

import pytest
import yaml
from click.testing import CliRunner, Result

from extauth.cli.keys import keys
from extauth.registry.leaks import Found
from extauth.registry.server import RegistryServer

TOKEN = "the-admin-token-of-the-tests"


@pytest.fixture
def run(server: RegistryServer) -> Callable[..., Result]:
    variables = {"REGISTRY_URL": f"http://{server.http_address}", "REGISTRY_TOKEN": TOKEN}
    return lambda *arguments: CliRunner().invoke(keys, arguments, env=variables)


def test_keys_that_need_attention_are_counted_and_listed(run: Callable[..., Result]) -> None:
    created = run("create", "--name", "a", "--tenant", "health", "--expires", "2d", "--output", "json")
    key_id = json.loads(created.stdout)["id"]
    _heading, *lines = run("health", "--tenant", "health").stdout.splitlines()
    assert [line.split() for line in lines] == [
        ["expiring", "1", "14d"],
        ["used_after_rotation", "0", "1d"],
        ["unused", "0", "90d"],
    ]
    page = yaml.safe_load(run("health", "expiring", "--tenant", "health", "--output", "yaml").stdout)
    assert [item["id"] for item in page["items"]] == [key_id]
    heading, line = run("health", "expiring", "--tenant", "health").stdout.splitlines()
    assert (heading.split()[0], line.split()[0]) == ("ID", key_id)
    assert len(run("health", "expiring", "--tenant", "health", "--within", "1d").stdout.splitlines()) == 1


def test_leaks_are_listed(run: Callable[..., Result], server: RegistryServer) -> None:
    secret = run("create", "--name", "a", "--tenant", "leaky", "--quiet").stdout.strip()
    server._leaks.report("github", [Found(secret, "a key", "commit", "https://example.com/place")])
    _heading, line = run("leaks", "--tenant", "leaky").stdout.splitlines()
    assert line.split()[3:] == ["leaky", "github", "commit", "https://example.com/place", "active"]
    (item,) = json.loads(run("leaks", "--tenant", "leaky", "--output", "json").stdout)["items"]
    assert run("leaks", "--key", item["key"], "--output", "csv").stdout.count("\n") == 2
    assert run("leaks", "--cursor", "x").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "code"), [(["lost"], 2), (["unused", "--within", "long"], 2), (["unused", "--cursor", "x"], 1)]
)
def test_wrong_usage_and_refusals(run: Callable[..., Result], arguments: list[str], code: int) -> None:
    assert run("health", *arguments).exit_code == code
