"""`extauth registry init`: the first owner, on each kind of database."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import yaml
from click.testing import CliRunner, Result
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from extauth.cli.main import main
from extauth.registry.server import RegistryServer
from extauth.registry.settings import RegistrySettings
from extauth.settings.model import load
from tests.support.postgresql_server import PostgresqlServer

TOKEN = re.compile(r"extauth_admin_\w{12}_\w{38}")


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgresqlServer]:
    server = PostgresqlServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Settings of a registry without a bootstrap token, on a database without tables."""
    url = f"sqlite:///{tmp_path}/registry.db"
    if request.param == "postgresql":
        server = request.getfixturevalue("postgresql")
        server.execute("DROP DATABASE IF EXISTS init")
        server.execute("CREATE DATABASE init")
        url = server.url("init")
    (tmp_path / "pepper").write_text("a pepper of 32 bytes or even more")
    settings = {
        "database": url,
        "listen": {"http": "127.0.0.1:0", "grpc": None},
        "keys": {"peppers": [{"id": "first", "file": str(tmp_path / "pepper")}]},
    }
    path = tmp_path / "registry.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def init(path: Path, *arguments: str) -> Result:
    result = CliRunner().invoke(main, ["registry", "init", "-c", str(path), *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def identity(path: Path, token: str) -> tuple[int, object]:
    server = RegistryServer(load(RegistrySettings, path), CollectorRegistry())
    server.start()
    try:
        headers = {"authorization": f"Bearer {token}"}
        answer = httpx2.get(f"http://{server.http_address}/v1/identity", headers=headers)
    finally:
        server.stop()
    return answer.status_code, answer.json().get("role")


def test_the_first_owner_is_made_once_and_a_new_one_by_force(path: Path) -> None:
    first = init(path)
    assert first.exit_code == 0
    token = TOKEN.search(first.stdout)
    assert token is not None
    assert "only this once" in first.stdout
    second = init(path)
    assert second.exit_code == 1
    assert "--force-new-owner" in second.stderr
    assert not TOKEN.search(second.output)
    forced = init(path, "--force-new-owner", "--quiet", "--name", "recovered").stdout.strip()
    assert TOKEN.fullmatch(forced)
    assert identity(path, token[0]) == (200, "owner")
    assert identity(path, forced) == (200, "owner")
    assert identity(path, "extauth_admin_x")[0] == 401


def test_a_registry_that_nobody_can_use_says_so(path: Path) -> None:
    server = RegistryServer(load(RegistrySettings, path), CollectorRegistry())
    with capture_logs() as events:
        server.start()
        server.stop()
    assert any("registry init" in event["event"] for event in events)
    assert init(path).exit_code == 0
    server = RegistryServer(load(RegistrySettings, path), CollectorRegistry())
    with capture_logs() as events:
        server.start()
        server.stop()
    assert not any("registry init" in event["event"] for event in events)


def test_a_database_that_is_away_is_told(tmp_path: Path) -> None:
    (tmp_path / "pepper").write_text("a pepper of 32 bytes or even more")
    path = tmp_path / "registry.yaml"
    settings = {
        "database": f"sqlite:///{tmp_path}/no/where.db",
        "keys": {"peppers": [{"id": "first", "file": str(tmp_path / "pepper")}]},
    }
    path.write_text(yaml.safe_dump(settings))
    result = init(path)
    assert result.exit_code == 1
    assert "where.db" in result.stderr
    (tmp_path / "pepper").write_text("short")
    assert "needs at least" in init(path).stderr
