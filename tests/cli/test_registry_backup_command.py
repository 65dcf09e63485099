"""`extauth registry backup` and `restore` on files of SQLite."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from extauth.cli.main import main


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return settings_for(tmp_path, "one")


def settings_for(folder: Path, name: str) -> Path:
    (folder / "pepper").write_text("a pepper of 32 bytes or even more")
    peppers = [{"id": "first", "file": str(folder / "pepper")}]
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({"database": f"sqlite:///{folder}/{name}.db", "keys": {"peppers": peppers}}))
    return path


def run(command: str, config: Path, *arguments: str) -> Result:
    result = CliRunner().invoke(main, ["registry", command, "-c", str(config), *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_a_registry_is_moved(config: Path, tmp_path: Path) -> None:
    token = run("init", config, "--quiet").stdout.strip()
    file = str(tmp_path / "registry.backup")
    done = run("backup", config, file)
    assert done.exit_code == 0
    assert "epoch 1, revision 0, as of 20" in done.stdout
    other = settings_for(tmp_path, "two")
    assert f"{file} is whole: epoch 1" in run("restore", other, file, "--verify").stdout
    assert not (tmp_path / "two.db").exists(), "looking makes nothing"
    restored = run("restore", other, file)
    assert restored.exit_code == 0
    assert "restored: epoch 1" in restored.stdout
    assert (tmp_path / "two.db").stat().st_mode & 0o777 == 0o600
    again = run("init", other)
    assert again.exit_code == 1, "the owner is there"
    assert token not in done.output + restored.output + again.output


def test_refusals_tell_why(config: Path, tmp_path: Path) -> None:
    run("init", config)
    file = tmp_path / "registry.backup"
    run("backup", config, str(file))
    assert "not overwritten" in run("backup", config, str(file)).stderr
    refused = run("restore", config, str(file))
    assert refused.exit_code == 1
    assert "--force" in refused.stderr
    assert run("restore", config, str(file), "--force").exit_code == 0
    assert "No such file" in run("restore", config, str(tmp_path / "none")).stderr
    file.write_bytes(file.read_bytes()[:-40])
    broken = run("restore", config, str(file), "--force")
    assert broken.exit_code == 1
    assert "breaks off" in broken.stderr
    (tmp_path / "pepper").write_text("short")
    assert "needs at least" in run("backup", config, str(tmp_path / "other")).stderr
