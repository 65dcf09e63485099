"""`extauth keys rotate-all` against a real registry."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from extauth.cli.keys_rotate_all import COLUMNS
from extauth.cli.main import main
from extauth.keys.token import key_id_of
from extauth.registry.server import RegistryServer
from tests.support.lone_sidecar import free_port

TOKEN = "the-admin-token-of-the-tests"


@pytest.fixture
def run(server: RegistryServer) -> Callable[..., Result]:
    def run(*arguments: str, url: str = f"http://{server.http_address}") -> Result:
        result = CliRunner().invoke(main, ["keys", *arguments], env={"REGISTRY_URL": url, "REGISTRY_TOKEN": TOKEN})
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


def create(run: Callable[..., Result], tenant: str) -> dict[str, Any]:
    done = run("create", "--name", "a", "--tenant", tenant, "--scope", "read", "--output", "json")
    key: dict[str, Any] = json.loads(done.stdout)
    return key


def show(run: Callable[..., Result], key_id: str) -> dict[str, Any]:
    key: dict[str, Any] = json.loads(run("show", key_id, "--output", "json").stdout)
    return key


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as found:
        return list(csv.DictReader(found))


def test_each_key_that_lives_gets_one_successor(run: Callable[..., Result], tmp_path: Path) -> None:
    keys = [create(run, "all") for _ in range(3)]
    revoked, rotated = create(run, "all"), create(run, "all")
    run("revoke", revoked["id"])
    successor = json.loads(run("rotate", rotated["id"], "--output", "json").stdout)
    file = tmp_path / "new.csv"
    done = run("rotate-all", "--pepper", "first", "--tenant", "all", "--grace", "2d", "--to", str(file))
    assert (done.exit_code, done.stdout) == (0, f"4 keys have a successor in {file}\n")
    assert file.stat().st_mode & 0o777 == 0o600
    rows = rows_of(file)
    assert {row["rotated_from"] for row in rows} == {key["id"] for key in [*keys, successor]}
    assert all(key_id_of(row["secret"]) == row["id"] for row in rows)
    assert not any(row["secret"] in done.output for row in rows)
    new = show(run, rows[0]["id"])
    assert (new["scopes"], new["tenant"], new["rotated_from"]) == (["read"], "all", rows[0]["rotated_from"])
    assert show(run, keys[0]["id"])["expires_at"] is not None
    assert show(run, revoked["id"])["rotated_to"] is None
    assert show(run, rotated["id"])["rotated_to"] == successor["id"]


def test_a_run_that_broke_off_goes_on_without_losing_a_secret(run: Callable[..., Result], tmp_path: Path) -> None:
    """As if the registry's answer, or the end of a row, had not reached the file."""
    keys = [create(run, "resumed") for _ in range(3)]
    earlier = create(run, "resumed")
    run("rotate", earlier["id"])
    file = tmp_path / "new.csv"
    file.write_text(",".join(COLUMNS) + "\r\n")
    arguments = ("rotate-all", "--pepper", "first", "--tenant", "resumed", "--to", str(file), "--resume", "one")
    assert run(*arguments).exit_code == 0
    whole = {row["rotated_from"]: row["secret"] for row in rows_of(file)}
    assert {key["id"] for key in keys} < whole.keys()
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:3]) + lines[3][:-10])
    assert run(*arguments).exit_code == 0
    again = {row["rotated_from"]: row["secret"] for row in rows_of(file)}
    assert again == whole
    assert show(run, earlier["id"])["rotated_to"] not in again.values()


def test_what_cannot_be_done_is_told(run: Callable[..., Result], tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    arguments = ("rotate-all", "--pepper", "first", "--to", str(file))
    away = run(*arguments, url=f"http://127.0.0.1:{free_port()}")
    assert away.exit_code == 3
    assert "--resume " in away.stderr
    there = run(*arguments)
    assert there.exit_code == 2
    assert "not overwritten" in there.stderr
    file.unlink()
    assert run(*arguments, "--resume", "one").exit_code == 2
    assert run(*arguments, "--grace", "soon").exit_code == 2
    assert not file.exists()


def test_keys_are_listed_and_exported_by_their_pepper(run: Callable[..., Result]) -> None:
    key = create(run, "peppered")
    listed = json.loads(run("list", "--pepper", "first", "--tenant", "peppered", "--output", "json").stdout)
    assert [one["id"] for one in listed["items"]] == [key["id"]]
    assert json.loads(run("list", "--pepper", "second", "--output", "json").stdout)["items"] == []
    assert key["id"] in run("export", "--pepper", "first", "--tenant", "peppered").stdout
    assert run("export", "--pepper", "second").stdout == ""
