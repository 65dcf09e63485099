"""From every earlier version to this one, with data, on every kind of database."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, Column, Connection, LargeBinary, MetaData, Table, insert, update

from extauth.keys.record import KeyRecord, Status, Version
from extauth.registry import migrations, schema
from extauth.registry.database import Database
from extauth.registry.filtering import Filter
from extauth.registry.history import History
from extauth.registry.key import NewKey
from extauth.registry.operations import KeyRegistry
from extauth.registry.plan_listing import find_plans
from extauth.registry.tenant_listing import TenantFilter, find_tenants

FOLDER = str(Path(migrations.__file__).parent)
REVISIONS = sorted(script.revision for script in ScriptDirectory(FOLDER).walk_revisions())


def upgrade(connection: Connection, revision: str) -> None:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", FOLDER)
    command.upgrade(config, revision)


Rows = Mapping[str, Sequence[Mapping[str, object]]]


def key(number: int, tenant: str, plan: str, status: str = "active") -> Mapping[str, object]:
    return {
        "id": f"00000000000{number}",
        "digest": b"%d" % number,
        "pepper_id": "first",
        "prefix": "ea",
        "name": "a key",
        "tenant": tenant,
        "scopes": ["read"],
        "plan": plan,
        "metadata": {"k": "v"},
        "created_by": "ada",
        "created_at": number,
        "status": status,
        "revoked_reason": "",
        "revision": number,
    }


def change(revision: int, **of: str) -> Mapping[str, object]:
    return {"revision": revision, "action": "x", "actor": "ada", "committed_at": revision, **of}


KEYS = [key(1, "acme", "gold"), key(2, "acme", "", "revoked"), key(3, "other", "free", "disabled")]
REVOCATION = {
    "id": "tr_000000000001",
    "issuer": "i",
    "claim": "jti",
    "digest": b"9",
    "pepper_id": "first",
    "status": "revoked",
    "reason": "",
    "created_by": "ada",
    "created_at": 4,
    "revision": 4,
}
DATA: Mapping[str, Rows] = {
    "0001": {"keys": KEYS, "changes": [change(number, key_id=f"00000000000{number}") for number in (1, 2, 3)]},
    "0002": {
        "token_revocations": [REVOCATION],
        "changes": [change(4, token_revocation_id="tr_000000000001")],
    },
    "0003": {"usage_hours": [{"hour": 0, "key_id": "a", "tenant": "b", "api": "c", "outcome": "allowed", "checks": 1}]},
}
"""What each version could write, beside what the ones before it could."""
_TYPES = {"digest": LargeBinary(), "scopes": JSON(), "metadata": JSON()}


def write(connection: Connection, rows: Rows) -> None:
    for name, given in rows.items():
        for row in given:  # one after the other: they need not have the same columns
            columns = [Column(field, _TYPES.get(field)) for field in row]
            connection.execute(insert(Table(name, MetaData(), *columns)).values(row))
            if "revision" in row:
                connection.execute(update(schema.registry).values(revision=row["revision"]))


@pytest.fixture
def database(empty_database_url: str) -> Iterator[Database]:
    database = Database(empty_database_url)
    yield database
    database.close()


@pytest.mark.parametrize("revision", REVISIONS)
def test_what_an_earlier_version_wrote_is_kept(database: Database, registry: KeyRegistry, revision: str) -> None:
    with database.write() as connection:
        upgrade(connection, "0001")
        for step in REVISIONS[: REVISIONS.index(revision) + 1]:
            upgrade(connection, step)
            write(connection, DATA.get(step, {}))
    database.migrate()
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
        tenants = find_tenants(connection, TenantFilter(), 10, "").items
        plans = find_plans(connection, "", 10, "").items
    assert [(tenant.id, tenant.name, tenant.created_at) for tenant in tenants] == [
        ("acme", "acme", 1),
        ("other", "other", 3),
    ]
    assert [(plan.name, plan.limits, plan.created_at) for plan in plans] == [("free", (), 3), ("gold", (), 1)]
    first, second, third, *revocations = History(database).changes_after(0, 10)
    assert first.record == KeyRecord(
        "000000000001",
        b"1",
        "first",
        Version(1, 1),
        Status.ACTIVE,
        "acme",
        "a key",
        ("read",),
        "gold",
        metadata={"k": "v"},
    )
    assert (second.record.status, third.record.status) == (Status.REVOKED, Status.DISABLED)
    assert [one.record.key_id for one in revocations] == ["tr_000000000001"] * (revision > "0001")
    assert registry.create(NewKey("new", "acme", "ada"), "tester").key.revision == (5 if revision > "0001" else 4)
    assert len(registry.find(Filter(tenant="acme"), 10).keys) == 3


def test_an_earlier_version_that_still_runs_can_make_keys(
    database: Database, registry: KeyRegistry, create: Callable[..., object]
) -> None:
    """During an upgrade, replicas of both versions write; 0003 knew nothing of tenants and limits."""
    database.migrate()
    with database.write() as connection:
        write(connection, DATA["0001"])
    assert {record.tenant for record in History(database).records("", 10)} == {"acme", "other"}
    create(tenant="acme")
    with database.read() as connection:
        assert [tenant.id for tenant in find_tenants(connection, TenantFilter(), 10, "").items] == ["acme"]
