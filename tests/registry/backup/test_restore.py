"""What was backed up is there again, whole and of one moment, on any kind of database."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import MetaData, select

from extauth.keys.digest import Pepper
from extauth.keys.record import Version
from extauth.registry import migrations, times
from extauth.registry.admin_schema import audit, idempotent_answers
from extauth.registry.admin_tokens import AdminTokens
from extauth.registry.backup import back_up
from extauth.registry.backup_file import BackupWriter, Header, TableHead
from extauth.registry.database import Database
from extauth.registry.errors import ConflictError
from extauth.registry.history import History
from extauth.registry.key import IssuedKey, NewKey
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.operations import KeyRegistry
from extauth.registry.restore import restore
from extauth.registry.schema import changes, keys
from tests.registry.backup.contents import NOW, rows_of
from tests.registry.conftest import PATIENCE


def test_everything_is_there_again_on_either_kind_of_database(
    filled: Database, target: Database, file: Path, pepper: Pepper
) -> None:
    written, rows = back_up(filled, file, pepper, NOW)
    before = rows_of(filled)
    assert written == Header(migrations.latest(), NOW, 1, History(filled).revision())
    assert rows == sum(map(len, before.values()))
    assert restore(target, file, [pepper], NOW + 1, force=False) == written
    after = rows_of(target)
    with target.read() as connection:
        told = connection.execute(select(audit).order_by(audit.c.id.desc()).limit(1)).one()
        assert connection.execute(select(idempotent_answers)).all() == []
    assert (told.actor, told.action, told.after["last_revision"]) == (
        "extauth registry restore",
        "restored",
        written.revision,
    )
    assert set(after.pop("audit")) - set(before.pop("audit")) == {repr(told)}
    assert after == before


def test_the_restored_registry_goes_on(filled: Database, target: Database, file: Path, pepper: Pepper) -> None:
    back_up(filled, file, pepper, NOW)
    restore(target, file, [pepper], NOW, force=False)
    metrics = RegistryMetrics(CollectorRegistry())
    registry = KeyRegistry(target, "ea", [pepper], metrics)
    made = registry.create(NewKey(name="a key", tenant="acme", created_by="ada"), "tester")
    assert History(target).head() == Version(1, History(filled).revision() + 1)
    assert History(target).mark(1) == History(filled).mark(1), "publishers know it by its history"
    assert AdminTokens(target, [pepper], metrics).create_first("owner", "tester", force=False).secret
    registry.rotate(made.key.id, 0, "ada", "tester")
    target.migrate()


def test_the_tables_are_as_migrations_make_them(
    filled: Database, target: Database, file: Path, pepper: Pepper, database: Database
) -> None:
    def references(one: Database) -> list[tuple[Any, ...]]:
        found = MetaData()
        with one.read() as connection:
            found.reflect(connection)
        return sorted(
            (table.name, str(key.name), bool(key.deferrable), str(key.initially))
            for table in found.tables.values()
            for key in table.foreign_key_constraints
        )

    back_up(filled, file, pepper, NOW)
    target.migrate()
    as_made = references(target)
    restore(target, file, [pepper], NOW, force=False)
    assert references(target) == as_made
    assert len(as_made) >= 6


def test_what_is_there_is_not_lost_without_force(
    filled: Database, target: Database, file: Path, pepper: Pepper
) -> None:
    back_up(filled, file, pepper, NOW)
    target.migrate()
    owner = AdminTokens(target, [pepper], RegistryMetrics(CollectorRegistry())).create_first("a", "b", force=False)
    before = rows_of(target)
    with pytest.raises(ConflictError):
        restore(target, file, [pepper], NOW, force=False)
    assert rows_of(target) == before
    restore(target, file, [pepper], NOW, force=True)
    assert rows_of(target)["keys"] == rows_of(filled)["keys"]
    assert owner.token.id not in repr(rows_of(target)["admin_tokens"])


def test_a_file_that_fails_half_way_leaves_the_database_as_it_was(
    filled: Database, target: Database, file: Path, pepper: Pepper
) -> None:
    header, _ = back_up(filled, file, pepper, NOW)
    with file.open("wb") as output:
        writer = BackupWriter(output, header)
        writer.begin_table(TableHead("tenants", {"id": "text"}))
        writer.write_row(["acme"])
        writer.begin_table(TableHead("of_another_program", {"id": "text"}))
        writer.seal(pepper)
    target.migrate()
    before = rows_of(target)
    with pytest.raises(Exception, match="does not"):  # BackupError, or UnavailableError of the row's other columns
        restore(target, file, [pepper], NOW, force=True)
    assert rows_of(target) == before


def test_a_backup_is_of_one_moment_while_others_write(
    database: Database, target: Database, file: Path, pepper: Pepper, create: Callable[..., IssuedKey]
) -> None:
    for _ in range(20):
        create()
    stopping = threading.Event()
    made: list[str] = []

    def go_on() -> None:
        while not stopping.is_set():
            made.append(create().key.id)

    writer = threading.Thread(target=go_on)
    writer.start()
    try:
        header, _ = back_up(database, file, pepper, times.now())
    finally:
        stopping.set()
        writer.join(PATIENCE)
    restore(target, file, [pepper], NOW, force=False)
    assert made
    with target.read() as connection:
        known = connection.scalars(select(keys.c.revision)).all()
        told = connection.scalars(select(changes.c.revision)).all()
    assert sorted(known) == sorted(told) == list(range(1, header.revision + 1))
    assert History(target).revision() == header.revision
