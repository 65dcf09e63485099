"""`extauth tenants` and `extauth plans` against a real registry: what they print, and their exit codes."""

import csv
import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from extauth.cli.main import main
from extauth.registry.server import RegistryServer

TOKEN = "the-admin-token-of-the-tests"


@pytest.fixture
def run(server: RegistryServer) -> Callable[..., Result]:
    def run(*arguments: str, code: int = 0) -> Result:
        variables = {"REGISTRY_URL": f"http://{server.http_address}", "REGISTRY_TOKEN": TOKEN}
        result = CliRunner().invoke(main, arguments, env=variables)
        assert result.exit_code == code, result.output
        return result

    return run


def read(result: Result) -> Any:
    return json.loads(result.stdout)


def test_the_life_of_a_tenant(run: Callable[..., Result]) -> None:
    run("plans", "create", "silver")
    options = ("--name", "Acme", "--plan", "silver", "--rate", "per-key=1000/min:2000", "--rate", "daily=5/d")
    made = run("tenants", "create", "life", *options, "--metadata", "crm=7").stdout
    fields = dict(line.split(maxsplit=1) for line in made.splitlines())
    assert (fields["id"], fields["plan"], fields["metadata"]) == ("life", "silver", "crm=7")
    assert fields["limits"] == "per-key=1000/min:2000,daily=5/d"
    changed = read(run("tenants", "update", "life", "--no-rates", "--plan", "", "--output", "json"))
    assert (changed["limits"], changed["plan"], changed["name"], changed["revision"]) == ([], "", "Acme", 2)
    assert "unpaid" in run("tenants", "suspend", "life", "--reason", "unpaid").stdout
    assert "suspended" in run("tenants", "show", "life").stdout
    listed = run("tenants", "list", "--status", "suspended", "--text", "LIF").stdout.splitlines()
    assert listed[0].split() == ["ID", "NAME", "PLAN", "LIMITS", "STATUS", "CREATED"]
    assert listed[1].split()[:5] == ["life", "Acme", "-", "-", "suspended"]
    assert "active" in run("tenants", "resume", "life").stdout
    assert "revision is 4 by now" in run("tenants", "delete", "life", "--revision", "3", code=1).stderr
    assert run("tenants", "delete", "life", "--revision", "4").output == ""
    assert "list the tenants" in run("tenants", "show", "life", code=1).stderr


def test_the_life_of_a_plan(run: Callable[..., Result]) -> None:
    run("plans", "create", "life", "--description", "d", "--rate", "per-key=10/s", "--scope", "read")
    key = read(run("keys", "create", "--name", "a", "--tenant", "plan-life", "--plan", "life", "--output", "json"))
    assert (key["scopes"], key["effective_limits"][0]["rate"]) == (["read"], "10/s")
    updated = read(run("plans", "update", "life", "--rate", "per-key=20/s:5", "--no-scopes", "--output", "json"))
    assert (updated["scopes"], updated["limits"][0]["burst"], updated["description"]) == ([], 5, "d")
    assert "per-key=20/s:5" in run("keys", "show", key["id"]).stdout
    assert "life" in run("plans", "list", "--text", "LIF").stdout
    assert "some keys" in run("plans", "delete", "life", code=1).stderr
    run("keys", "update", key["id"], "--plan", "")
    run("plans", "delete", "life")
    assert "list the plans" in run("plans", "show", "life", code=1).stderr


def test_every_form_of_output(run: Callable[..., Result]) -> None:
    run("plans", "create", "forms", "--rate", "a=1/s", "--rate", "b=2/s:3", "--scope", "x", "--scope", "y")
    for shown in (("plans", "show", "forms"), ("plans", "list", "--text", "forms")):
        as_json = read(run(*shown, "--output", "json"))
        assert yaml.safe_load(run(*shown, "--output", "yaml").stdout) == as_json
        (row,) = csv.DictReader(run(*shown, "--output", "csv").stdout.splitlines())
        assert (row["name"], row["limits"], row["scopes"]) == ("forms", "a=1/s,b=2/s:3", "x,y")
        assert row["created_at"].endswith("Z")


def test_lists_go_on_from_a_cursor(run: Callable[..., Result]) -> None:
    for number in range(3):
        run("tenants", "create", f"paged-{number}")
        run("plans", "create", f"paged-{number}")
    for group in ("tenants", "plans"):
        first = run(group, "list", "--text", "paged-", "--limit", "2")
        cursor = first.stderr.split("--cursor ")[1].strip()
        rest = read(run(group, "list", "--text", "paged-", "--cursor", cursor, "--output", "json"))
        assert (len(rest["items"]), rest["next_cursor"]) == (1, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["tenants", "create"],
        ["tenants", "create", "a", "--rate", "per-key"],
        ["tenants", "create", "a", "--rate", "=1/s"],
        ["tenants", "create", "a", "--rate", "a=1/s:many"],
        ["tenants", "update", "a", "--rate", "a=1/s", "--no-rates"],
        ["tenants", "list", "--status", "lost"],
        ["plans", "update", "a", "--scope", "a", "--no-scopes"],
        ["plans", "delete", "a", "--revision", "x"],
    ],
)
def test_wrong_usage(run: Callable[..., Result], arguments: list[str]) -> None:
    run(*arguments, code=2)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["tenants", "create", "a b"], "id"),
        (["tenants", "create", "a", "--plan", "never-made"], "plan"),
        (["tenants", "create", "a", "--rate", "a=fast"], "limits[0].rate"),
        (["plans", "create", "a", "--rate", "a=1/s", "--rate", "a=2/s"], "limits[1].name"),
        (["keys", "create", "--name", "a", "--tenant", "never-made", "--existing"], "tenant"),
    ],
)
def test_a_refusal_names_the_field(run: Callable[..., Result], arguments: list[str], word: str) -> None:
    refused = run(*arguments, code=1)
    assert word in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
