"""`extauth tokens` against a real registry: what it prints, and its exit codes."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from extauth.cli.tokens import tokens
from extauth.registry.server import RegistryServer

TOKEN = "the-admin-token-of-the-tests"


@pytest.fixture
def run(server: RegistryServer) -> Callable[..., Result]:
    def run(*arguments: str) -> Result:
        variables = {"REGISTRY_URL": f"http://{server.http_address}", "REGISTRY_TOKEN": TOKEN}
        result = CliRunner().invoke(tokens, arguments, env=variables)
        assert TOKEN not in result.output
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


def revoke(run: Callable[..., Result], *arguments: str) -> dict[str, Any]:
    result = run("revoke", "--issuer", "https://issuer.example", "--output", "json", *arguments)
    assert result.exit_code == 0, result.output
    revocation: dict[str, Any] = json.loads(result.stdout)
    return revocation


def test_revoke_prints_the_revocation_and_not_whom_it_is_of(run: Callable[..., Result]) -> None:
    result = run("revoke", "--issuer", "a", "--subject", "ada@example.com", "--reason", "left", "--until", "30d")
    assert result.exit_code == 0
    lines = dict(re.split(r"  +", line, maxsplit=1) for line in result.stdout.splitlines())
    assert (lines["issuer"], lines["claim"], lines["status"], lines["reason"]) == ("a", "sub", "revoked", "left")
    assert lines["expires_at"] > lines["created_at"]
    assert "ada@example.com" not in result.output


def test_revoking_again_is_no_error(run: Callable[..., Result]) -> None:
    assert revoke(run, "--jti", "again") == revoke(run, "--jti", "again")


def test_list_is_aligned_and_goes_on_from_a_cursor(run: Callable[..., Result]) -> None:
    for number in range(3):
        run("revoke", "--issuer", "listed", "--jti", str(number))
    first = run("list", "--issuer", "listed", "--limit", "2")
    heading, *rows = first.stdout.splitlines()
    assert heading.split() == ["ID", "ISSUER", "CLAIM", "STATUS", "REASON", "CREATED", "EXPIRES"]
    assert {row[heading.index("STATUS") :].split()[0] for row in rows} == {"revoked"}
    cursor = first.stderr.split("--cursor ")[1].strip()
    rest = json.loads(run("list", "--issuer", "listed", "--cursor", cursor, "--output", "json").stdout)
    assert (len(rest["items"]), rest["next_cursor"]) == (1, "")


def test_a_subject_is_found_and_lifted(run: Callable[..., Result]) -> None:
    revoked = revoke(run, "--subject", "grace")
    found = run("list", "--issuer", "https://issuer.example", "--subject", "grace", "--output", "json")
    assert json.loads(found.stdout)["items"] == [revoked]
    assert "lifted" in run("lift", revoked["id"]).stdout


def test_a_single_token_is_not_lifted(run: Callable[..., Result]) -> None:
    result = run("lift", revoke(run, "--jti", "final")["id"])
    assert result.exit_code == 1
    assert "final" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["revoke", "--jti", "a"],
        ["revoke", "--issuer", "a"],
        ["revoke", "--issuer", "a", "--jti", "b", "--subject", "c"],
        ["revoke", "--issuer", "a", "--jti", "b", "--until", "soon"],
        ["list", "--limit", "0"],
        ["lift"],
    ],
)
def test_wrong_usage(run: Callable[..., Result], arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["lift", "tr_000000000000"], ["revocation", "list the revocations"]),
        (["list", "--subject", "a"], ["issuer"]),
        (["revoke", "--issuer", "a", "--jti", "b", "--until", "2020-01-01T00:00:00Z"], ["until", "later time"]),
    ],
)
def test_a_refusal_names_field_and_remedy(run: Callable[..., Result], arguments: list[str], words: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 1
    assert all(word in result.stderr for word in words)
