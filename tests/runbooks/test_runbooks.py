"""Each section of docs/runbooks.md, on an installation of its own."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.eventually import eventually
from tests.runbooks.installation import PAGE, Installation
from tests.support.postgresql_server import PostgresqlServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PLAIN = [
    "An API key has leaked",
    "An admin token is changed",
    "An admin token has leaked",
    "All owners' tokens are lost",
    "Backups",
    "Redis is lost",
    "A sidecar was compromised",
]
"""Sections of which the commands say all that is to be seen, and after which another one can follow."""
OTHERS = [
    "A pepper has leaked",
    "A pepper is changed",
    "The registry is lost",
    "From SQLite to PostgreSQL",
    "PostgreSQL with its own tools",
]
SOON = {
    "--grace 1h": "--grace 5s",
    "--grace 30d": "--grace 5s",
    "sleep 3600": "sleep 0.2",
    "extauth keys rotate-all": 'extauth admin-tokens revoke "$FIRST_OWNER_ID"\nextauth keys rotate-all',
}
"""A section's own owner is not the only one that there is."""
PATIENCE = 60
"""Seconds."""


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    yield from installed(Installation(tmp_path))


def installed(installation: Installation) -> Iterator[Installation]:
    try:
        installation.start()
        yield installation
    finally:
        installation.stop()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    yield from installed(Installation(tmp_path_factory.mktemp("shared")))


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgresqlServer]:
    server = PostgresqlServer()
    server.start()
    yield server
    server.remove()


def test_all_sections_are_run() -> None:
    sections = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    assert sorted(sections) == sorted(["Before you begin", *PLAIN, *OTHERS])


@pytest.mark.parametrize("title", PLAIN)
def test_section(shared: Installation, title: str) -> None:
    shared.run(title)


def test_a_pepper_has_leaked(installation: Installation) -> None:
    """The registry's own first token ends with it, as all others do."""
    installation.run("A pepper has leaked")
    assert "p1" not in (installation.folder / "registry.yaml").read_text()


def test_a_pepper_is_changed(installation: Installation) -> None:
    """The old key goes on until its grace is over, and the keys that took its place are under the new pepper."""
    installation.run("A pepper is changed", SOON)
    assert not (installation.folder / "secrets" / "p1").exists()
    assert "p1" not in (installation.folder / "registry.yaml").read_text()


def checks_of(installation: Installation, key_id: str) -> int:
    """Those that passed, as the ledger has them."""
    found = installation.call("GET", f"/v1/usage?key={key_id}")["items"]
    return sum(one["allowed"] for one in found)


def test_the_registry_is_lost(installation: Installation) -> None:
    """What was revoked after the backup stays so, what was made after it ends, and usage is counted once."""
    used, used_id = installation.issue("acme")
    revoked, revoked_id = installation.issue("acme")
    eventually(lambda: installation.status(used)[0] == installation.status(revoked)[0] == 200, PATIENCE)
    eventually(lambda: checks_of(installation, used_id) == installation.allowed[used], PATIENCE)
    own = installation.own_variables()
    installation.run("Backups", own=own)
    backed_up = installation.folder / "registry.backup"
    assert backed_up.stat().st_mode & 0o777 == 0o600
    installation.call("POST", f"/v1/keys/{revoked_id}/revoke", {"reason": "after the backup"})
    made, _ = installation.issue("acme")
    eventually(lambda: installation.status(made)[0] == 200, PATIENCE)
    eventually(lambda: installation.status(revoked) == (401, "revoked_key"), PATIENCE)
    installation.systemctl("stop", "extauth-registry")
    for _ in range(7):  # nobody collects them now
        assert installation.status(used)[0] == 200
    output = installation.run("The registry is lost", own=own)
    assert revoked_id in output
    assert "epoch 2 has begun" in output
    eventually(lambda: installation.status(made) == (401, "invalid_key"), PATIENCE)
    assert installation.status(revoked) == (401, "revoked_key")
    assert installation.call("GET", f"/v1/keys/{revoked_id}")["status"] == "revoked"
    eventually(lambda: checks_of(installation, used_id) == installation.allowed[used], PATIENCE)
    new, new_id = installation.issue("acme")
    eventually(lambda: installation.status(new)[0] == 200, PATIENCE)
    eventually(lambda: checks_of(installation, new_id) == installation.allowed[new], PATIENCE)
    assert checks_of(installation, used_id) == installation.allowed[used], "none of them twice"


def test_from_sqlite_to_postgresql(installation: Installation, postgresql: PostgresqlServer) -> None:
    postgresql.execute("CREATE DATABASE moved")
    installation.variables["DATABASE_URL"] = postgresql.url("moved")
    key, _ = installation.issue("acme")
    installation.run("From SQLite to PostgreSQL")
    log = (installation.folder / "extauth-registry.log").read_text()
    assert log.count("publishing_everything") == 1, "it went on where it was"
    assert installation.status(key)[0] == 200


def test_postgresqls_own_tools(postgresql: PostgresqlServer, tmp_path: Path) -> None:
    postgresql.execute("CREATE DATABASE own_tools")
    url = postgresql.url("own_tools")
    installation = Installation(tmp_path, {"DATABASE_URL": url}, url)
    for one in installed(installation):
        tools = f'export PATH="{postgresql.programs}:$PATH"\n'
        output = one.run("PostgreSQL with its own tools", {"pg_dump ": f"{tools}pg_dump "})
        assert "epoch 2 has begun" in output
