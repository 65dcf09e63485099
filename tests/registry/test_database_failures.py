"""What is said of a failing database, and that it says nothing of what stands in it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from extauth.registry.database import Database
from extauth.registry.database_failures import OTHER, explain
from extauth.registry.errors import UnavailableError


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (psycopg.errors.DiskFull("of row secret"), "disk is full or broken"),
        (psycopg.errors.LockNotAvailable("of row secret"), "locked by another process"),
        (psycopg.errors.ReadOnlySqlTransaction("of row secret"), "takes no changes now"),
        (psycopg.errors.UniqueViolation("of row secret"), OTHER),
        (psycopg.OperationalError("of row secret"), OTHER),
        (None, OTHER),
    ],
)
def test_each_kind_has_its_sentence(error: Exception | None, said: str) -> None:
    assert said in explain(error)
    assert "secret" not in explain(error)


def test_a_lock_of_another_process_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    database = Database(f"sqlite:///{path}", deadline=0.1)
    database.migrate()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnavailableError, match="locked by another process"), database.write():
            """Not reached."""
    database.close()


def outgrow(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("PRAGMA max_page_count = 1"))
        connection.execute(text("CREATE TABLE more AS SELECT randomblob(1000000) AS bytes"))


def test_a_full_database_is_told(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/x.db")
    database.migrate()
    with pytest.raises(UnavailableError, match="disk is full or broken"):
        outgrow(database)
    database.ping()
    database.close()
