"""A registry with something in nearly every table, and another database to restore it into."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert

from extauth.registry.admin_schema import idempotent_answers
from extauth.registry.admin_token import NewAdminToken
from extauth.registry.admin_tokens import AdminTokens
from extauth.registry.database import Database
from extauth.registry.identity import Role
from extauth.registry.key import IssuedKey
from extauth.registry.operations import KeyRegistry
from extauth.registry.schema import usage_minutes
from extauth.registry.token_operations import TokenRegistry
from extauth.registry.token_revocation import Tokens
from tests.registry.backup.contents import NOW
from tests.registry.conftest import BACKENDS, PATIENCE, postgresql_database


@pytest.fixture(params=BACKENDS)
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Another database, without tables."""
    if request.param == "sqlite":
        urls: Iterator[str] = iter([f"sqlite:///{tmp_path}/target.db"])
    else:
        urls = postgresql_database(request.getfixturevalue("postgresql_server"), "template0")
    for url in urls:
        database = Database(url, deadline=PATIENCE)
        yield database
        database.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "registry.backup"


@pytest.fixture
def filled(
    database: Database,
    registry: KeyRegistry,
    tokens: TokenRegistry,
    admin_tokens: AdminTokens,
    create: Callable[..., IssuedKey],
) -> Database:
    """Something in nearly every table, with rows that refer to each other both ways."""
    first = create(name="né \u2603", plan="gold", scopes=("read",), metadata={"a": "b"}).key
    second = registry.rotate(first.id, 60, "ada", "tester").key
    registry.rotate(second.id, 0, "ada", "tester")
    registry.revoke(create().key.id, "stolen", "tester")
    tokens.revoke_tokens(Tokens("issuer", "sub", "ada"), "left", None, "tester")
    admin = admin_tokens.create(NewAdminToken("ci", Role.EDITOR), "tester").token
    admin_tokens.rotate(admin.id, 60, "tester")
    with database.write() as connection:
        row = {"start": 60_000, "key_id": first.id, "tenant": "acme", "api": "a", "outcome": "allowed", "checks": 7}
        connection.execute(insert(usage_minutes).values(row))
        answer = {"id": b"i" * 32, "fingerprint": b"f" * 32, "answer": b"a secret", "created_at": NOW}
        connection.execute(insert(idempotent_answers).values(answer))
    return database
