"""`extauth keys import` and `export` against a real registry: what they do with files, and their exit codes."""

import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from extauth.cli import keys_files
from extauth.cli.keys import keys
from extauth.registry.client import Client, UnreachableError
from extauth.registry.server import RegistryServer

TOKEN = "the-admin-token-of-the-tests"
SECRET = "a-key-of-another-system"


@pytest.fixture
def run(server: RegistryServer) -> Callable[..., Result]:
    def run(*arguments: str) -> Result:
        variables = {"REGISTRY_URL": f"http://{server.http_address}", "REGISTRY_TOKEN": TOKEN}
        result = CliRunner().invoke(keys, arguments, env=variables)
        assert SECRET not in result.output
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_files, "ROWS", 3)


def json_file(folder: Path, tenant: str, count: int, bad: Mapping[int, Mapping[str, Any]] | None = None) -> Path:
    """Row n on line 2n: every other line is blank."""
    path = folder / f"{tenant}.jsonl"
    rows = []
    for number in range(1, count + 1):
        row = {"name": f"key {number}", "tenant": tenant, "secret": f"{SECRET}-{tenant}-{number}"}
        rows.append(json.dumps({**row, **(bad or {}).get(number, {})}))
    path.write_text("".join(f"\n{row}\n" for row in rows))
    return path


def names_of(run: Callable[..., Result], tenant: str) -> list[str]:
    page = json.loads(run("list", "--tenant", tenant, "--limit", "500", "--output", "json").stdout)
    return sorted(key["name"] for key in page["items"])


def test_import_sends_a_file_in_parts(run: Callable[..., Result], tmp_path: Path) -> None:
    result = run("import", str(json_file(tmp_path, "parts", 8)), "--output", "json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert (answer["position"], answer["created"], answer["refused"]) == (8, 8, 0)
    assert names_of(run, "parts") == [f"key {number}" for number in range(1, 9)]
    assert result.stderr == ""  # a progress bar is for terminals


def test_import_tells_each_bad_row_by_its_line_and_exits_with_4(run: Callable[..., Result], tmp_path: Path) -> None:
    bad: dict[int, dict[str, Any]] = {2: {"name": ""}, 5: {"secret": "short"}, 7: {"colour": "blue"}}
    result = run("import", str(json_file(tmp_path, "bad", 8, bad)), "--output", "yaml")
    assert result.exit_code == 4
    assert [line.split(":")[0] for line in result.stderr.splitlines()] == ["line 4", "line 10", "line 14"]
    assert "created: 5\nrefused: 3\n" in result.stdout
    assert len(names_of(run, "bad")) == 5


def test_import_reads_csv_with_line_ends_in_cells(run: Callable[..., Result], tmp_path: Path) -> None:
    path = tmp_path / "keys.csv"
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "tenant", "secret", "metadata"])
        for number in range(1, 6):
            writer.writerow([f"key {number}", "csv", f"{SECRET}-csv-{number}", '{"a":\n"b"}'])
        writer.writerow(["no\nname", "csv", f"{SECRET}-csv-6", ""])
    result = run("import", str(path))
    assert result.exit_code == 4, result.output
    assert result.stderr.startswith("line 12: name has control")
    assert names_of(run, "csv") == [f"key {number}" for number in range(1, 6)]


def test_an_import_that_breaks_off_is_resumed(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = json_file(tmp_path, "resumed", 10)
    post_file, calls = Client.post_file, iter(range(100))

    def breaking(client: Client, *arguments: Any) -> dict[str, Any]:
        answer = post_file(client, *arguments)
        if next(calls) == 1:
            raise UnreachableError("the answer was lost")  # the registry has done these rows
        return answer

    monkeypatch.setattr(Client, "post_file", breaking)
    broken = run("import", str(path))
    assert broken.exit_code == 3
    import_id = broken.stderr.splitlines()[0].rpartition(" ")[2]
    resumed = run("import", str(path), "--resume", import_id, "--output", "json")
    assert (resumed.exit_code, json.loads(resumed.stdout)["created"]) == (0, 10)
    again = run("import", str(path), "--resume", import_id, "--output", "json")
    assert (again.exit_code, json.loads(again.stdout)["created"]) == (0, 10)
    assert len(names_of(run, "resumed")) == 10


def test_resume_wants_the_same_file_and_a_known_id(run: Callable[..., Result], tmp_path: Path) -> None:
    first = run("import", str(json_file(tmp_path, "same", 4)), "--output", "json")
    import_id = json.loads(first.stdout)["id"]
    other = run("import", str(json_file(tmp_path, "other", 6)), "--resume", import_id)
    assert (other.exit_code, "another file" in other.stderr) == (1, True)
    assert run("import", str(json_file(tmp_path, "other", 6)), "--resume", "unknown").exit_code == 2


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [("keys.txt", "", "use --format"), ("keys.csv", 'name,secret\n"a', "line 2 is not CSV")],
)
def test_a_file_that_cannot_be_read_is_wrong_usage(
    run: Callable[..., Result], tmp_path: Path, name: str, text: str, message: str
) -> None:
    (tmp_path / name).write_text(text)
    result = run("import", str(tmp_path / name))
    assert (result.exit_code, message in result.stderr) == (
        2,
        True,
    )


def test_an_unknown_column_is_refused(run: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "keys.csv").write_text(f"name,colour,secret\na,blue,{SECRET}\n")
    result = run("import", str(tmp_path / "keys.csv"))
    assert (result.exit_code, "column 2" in result.stderr) == (1, True)


def test_export_writes_a_file_when_it_is_complete(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("import", str(json_file(tmp_path, "exported", 4)))
    path = tmp_path / "out.csv"
    assert run("export", "--tenant", "exported", "--to", str(path)).exit_code == 0
    with path.open(newline="") as file:
        assert sorted(row["name"] for row in csv.DictReader(file)) == [f"key {number}" for number in range(1, 5)]
    to_stdout = run("export", "--tenant", "exported", "--text", "key 2")
    assert [json.loads(line)["name"] for line in to_stdout.stdout.splitlines()] == ["key 2"]

    def breaking(*_: Any) -> Any:
        yield b"some of it"
        raise UnreachableError("the connection broke")

    monkeypatch.setattr(Client, "download", breaking)
    unfinished = tmp_path / "later.jsonl"
    assert run("export", "--to", str(unfinished)).exit_code == 3
    assert not unfinished.exists()


def test_export_exit_codes(run: Callable[..., Result]) -> None:
    assert run("export", "--scope", "no scope").exit_code == 1
    assert run("export", "--registry", "http://127.0.0.1:1").exit_code == 3
    assert run("export", "--format", "xml").exit_code == 2
