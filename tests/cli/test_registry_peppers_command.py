"""`extauth registry peppers` and `retire-pepper` on a registry that does not serve."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from prometheus_client import CollectorRegistry

from extauth.cli.main import main
from extauth.keys.digest import Pepper
from extauth.keys.record import Status
from extauth.registry.database import Database
from extauth.registry.key import NewKey
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.operations import KeyRegistry

SECRETS = {"first": "a pepper of 32 bytes or even more", "second": "another pepper of 32 bytes or more"}
PATIENCE = 30.0
"""Seconds."""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    for name, secret in SECRETS.items():
        (tmp_path / name).write_text(secret)
    return configure(tmp_path, "second", "first")


def configure(folder: Path, *peppers: str) -> Path:
    settings = {
        "database": f"sqlite:///{folder}/registry.db",
        "keys": {"peppers": [{"id": name, "file": str(folder / name)} for name in peppers]},
    }
    path = folder / "registry.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


@pytest.fixture
def registry(config: Path, tmp_path: Path) -> KeyRegistry:
    """Makes keys under the first pepper, on the same database."""
    database = Database(f"sqlite:///{tmp_path}/registry.db", deadline=PATIENCE)
    database.migrate()
    pepper = Pepper("first", SECRETS["first"].encode())
    return KeyRegistry(database, "ea", [pepper], RegistryMetrics(CollectorRegistry()))


def run(command: str, config: Path, *arguments: str, answer: str = "") -> Result:
    result = CliRunner().invoke(main, ["registry", command, "-c", str(config), *arguments], input=answer)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def listed(config: Path) -> dict[str, dict[str, Any]]:
    return {item["id"]: item for item in json.loads(run("peppers", config, "--output", "json").stdout)["items"]}


def make(registry: KeyRegistry) -> str:
    return registry.create(NewKey(name="a", tenant="acme", created_by="b"), "tester").key.id


def test_the_way_of_a_pepper_out_of_the_settings(registry: KeyRegistry, config: Path, tmp_path: Path) -> None:
    key = make(registry)
    assert {name: item["verdict"] for name, item in listed(config).items()} == {"second": "needed", "first": "needed"}
    assert listed(config)["first"]["keys"] == 1
    registry.revoke(key, "", "tester")
    assert listed(config)["first"]["verdict"] == "may be taken out"
    configure(tmp_path, "second")
    assert listed(config)["first"]["verdict"] == "gone"
    table = run("peppers", config).stdout.splitlines()
    assert table[0].split() == ["ID", "SETTINGS", "KEYS", "LAST", "USED", "ADMIN", "TOKENS", "REVOCATIONS", "VERDICT"]
    assert table[1].split()[:2] == ["second", "first"]


def test_a_pepper_that_is_missing_keeps_the_registry_from_serving(
    registry: KeyRegistry, config: Path, tmp_path: Path
) -> None:
    make(registry)
    configure(tmp_path, "second")
    assert listed(config)["first"]["verdict"].startswith("missing")
    refused = run("serve", config)
    assert refused.exit_code == 1
    assert "pepper first, which keys.peppers does not have" in refused.stderr


def test_retiring_asks_first_and_works_without_the_secret(registry: KeyRegistry, config: Path, tmp_path: Path) -> None:
    key = make(registry)
    configure(tmp_path, "second")
    (tmp_path / "first").unlink()
    asked = run("retire-pepper", config, "first", answer="n\n")
    assert asked.exit_code == 1
    assert "1 keys, 0 admin tokens, 0 revocations" in asked.stdout
    assert registry.show(key).status is Status.ACTIVE
    assert run("retire-pepper", config, "first", "--yes").exit_code == 0
    assert registry.show(key).status is Status.REVOKED
    assert "nothing is in force" in run("retire-pepper", config, "first").stdout


def test_the_pepper_of_new_keys_cannot_be_retired(registry: KeyRegistry, config: Path) -> None:
    refused = run("retire-pepper", config, "second", "--yes")
    assert refused.exit_code == 2
    assert "put another one first" in refused.stderr
