"""Transactions, outages, files and migrations."""

import sqlite3
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, text, update

from extauth.registry import schema
from extauth.registry.database import Database
from extauth.registry.errors import UnavailableError
from extauth.registry.filtering import Filter
from extauth.registry.history import History
from extauth.registry.key import IssuedKey
from extauth.registry.operations import KeyRegistry
from extauth.registry.token_operations import TokenRegistry
from extauth.registry.token_revocation import Tokens


def occupy_next_revision(database: Database, key_id: str) -> None:
    """Make the next change row impossible: its revision is taken."""
    with database.write() as connection:
        values = {"revision": 2, "key_id": key_id, "action": "x", "actor": "x", "committed_at": 0}
        connection.execute(insert(schema.changes).values(values))


def test_a_failing_change_row_leaves_nothing_of_the_operation(
    create: Callable[..., IssuedKey], registry: KeyRegistry, database: Database, history: History
) -> None:
    key = create().key
    occupy_next_revision(database, key.id)
    operations: tuple[Callable[[], object], ...] = (
        create,
        lambda: registry.revoke(key.id, "", "tester"),
        lambda: registry.rotate(key.id, 0, "ada", "tester"),
    )
    for operation in operations:
        with pytest.raises(UnavailableError):
            operation()
    assert history.revision() == 1
    assert registry.find(Filter(), 10).keys == [key]


def test_a_write_that_fails_half_way_is_undone_and_the_next_one_works(
    create: Callable[..., IssuedKey], database: Database, history: History
) -> None:
    def half_a_write() -> None:
        with database.write() as connection:
            connection.execute(update(schema.registry).values(revision=99))
            raise InterruptedError

    with pytest.raises(InterruptedError):
        half_a_write()
    assert history.revision() == 0
    assert create().key.revision == 1


def test_a_failing_database_is_unavailable_and_its_texts_stay_inside(
    create: Callable[..., IssuedKey], registry: KeyRegistry, database: Database
) -> None:
    issued = create()
    with database.write() as connection:
        connection.execute(text("DROP TABLE changes"))
    with pytest.raises(UnavailableError) as failed:
        registry.revoke(issued.key.id, "", "tester")
    assert "changes" not in str(failed.value)
    assert failed.value.__suppress_context__


def test_ping_tells_whether_the_tables_are_there(database: Database, database_url: str) -> None:
    database.ping()
    with database.write() as connection:
        connection.execute(text("DROP TABLE registry"))
    with pytest.raises(UnavailableError):
        database.ping()


def test_a_waiting_writer_gets_its_turn(create: Callable[..., IssuedKey], database: Database) -> None:
    with database.write():
        thread = threading.Thread(target=create)
        thread.start()
        thread.join(0.1)
        assert thread.is_alive()
    thread.join(5)
    assert not thread.is_alive()


def test_the_migrations_make_the_tables_of_the_schema(database: Database) -> None:
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []


def test_migrating_twice_and_at_once_changes_nothing(
    create: Callable[..., IssuedKey], database_url: str, history: History
) -> None:
    create()
    databases = [Database(database_url) for _ in range(3)]
    threads = [threading.Thread(target=database.migrate) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for database in databases:
        database.close()
    assert history.revision() == 1


def test_a_change_is_of_one_thing(create: Callable[..., IssuedKey], tokens: TokenRegistry, database: Database) -> None:
    of_key = {"key_id": create().key.id}
    of_tokens = {"token_revocation_id": tokens.revoke_tokens(Tokens("a", "jti", "b"), "", None, "x").revocation.id}
    for named in ({}, of_key | of_tokens):
        values = {"revision": 3, "action": "x", "actor": "x", "committed_at": 0, **named}
        statement = insert(schema.changes).values(values)
        with pytest.raises(UnavailableError), database.write() as connection:
            connection.execute(statement)


def test_the_tables_of_a_later_version_are_left_alone(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(UnavailableError, match="later version"):
        database.migrate()


def test_keys_that_refer_to_nothing_are_refused(database: Database) -> None:
    values = {"revision": 1, "key_id": "nobody", "action": "x", "actor": "x", "committed_at": 0}
    statement = insert(schema.changes).values(values)
    with pytest.raises(UnavailableError), database.write() as connection:
        connection.execute(statement)


class TestSqliteFiles:
    def test_only_the_owner_may_read_them(self, tmp_path: Path) -> None:
        path = tmp_path / "registry.db"
        database = Database(f"sqlite:///{path}")
        database.migrate()
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
        database.close()
        assert modes == {"registry.db": 0o600, "registry.db-wal": 0o600, "registry.db-shm": 0o600}

    def test_an_open_file_is_closed_to_others(self, tmp_path: Path) -> None:
        path = tmp_path / "registry.db"
        path.touch(0o644)
        database = Database(f"sqlite:///{path}")
        database.migrate()
        database.close()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_a_folder_that_is_not_there_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(UnavailableError, match="No such file"):
            Database(f"sqlite:///{tmp_path}/missing/registry.db").migrate()

    def test_a_file_that_is_no_database_is_unavailable(self, tmp_path: Path) -> None:
        path = tmp_path / "registry.db"
        path.write_text("something else, and long enough to be read as a header of a database file" * 20)
        database = Database(f"sqlite:///{path}")
        with pytest.raises(UnavailableError):
            database.migrate()
        database.close()

    def test_readers_do_not_wait_for_a_writer_in_another_process(self, tmp_path: Path) -> None:
        path = tmp_path / "registry.db"
        database = Database(f"sqlite:///{path}")
        database.migrate()
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        database.ping()
        other.execute("ROLLBACK")
        other.close()
        database.close()


def test_a_driver_that_is_not_installed_is_told() -> None:
    with pytest.raises(UnavailableError, match="pg8000"):
        Database("postgresql+pg8000://user@host/name", "password")
