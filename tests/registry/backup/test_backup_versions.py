"""Backups of and into databases of other versions."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, insert, select

from extauth.keys.digest import Pepper
from extauth.keys.record import Version
from extauth.registry import migrations
from extauth.registry.backup import back_up
from extauth.registry.backup_file import BackupError, BackupWriter, Header, TableHead
from extauth.registry.database import Database
from extauth.registry.errors import UnavailableError
from extauth.registry.history import History
from extauth.registry.restore import restore
from tests.registry.backup.contents import NOW, rows_of
from tests.registry.conftest import PATIENCE
from tests.registry.test_migrations import upgrade


def test_a_backup_of_a_later_version_is_refused(target: Database, file: Path, pepper: Pepper) -> None:
    with file.open("wb") as output:
        BackupWriter(output, Header("9999", NOW, 1, 1)).seal(pepper)
    with pytest.raises(BackupError, match="later version"):
        restore(target, file, [pepper], NOW, force=False)


def test_a_database_of_another_version_is_not_backed_up(empty_database_url: str, file: Path, pepper: Pepper) -> None:
    database = Database(empty_database_url, deadline=PATIENCE)
    with pytest.raises(UnavailableError, match="no tables"):
        back_up(database, file, pepper, NOW)
    database.migrate()
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0006'")
    with pytest.raises(UnavailableError, match="another version"):
        back_up(database, file, pepper, NOW)
    database.close()
    assert not list(file.parent.glob("*backup*"))


@pytest.mark.parametrize("revision", ["0005", "0006"])
def test_a_backup_of_an_earlier_version_is_brought_to_this_one(
    empty_database_url: str, target: Database, file: Path, pepper: Pepper, revision: str
) -> None:
    """Written by hand from a database of that version, as that version would have."""
    database = Database(empty_database_url, deadline=PATIENCE)
    with database.write() as connection:
        upgrade(connection, revision)
        found = MetaData()
        found.reflect(connection)
        tables = [table for table in found.sorted_tables if table.name in {"registry", "plans", "tenants"}]
        connection.execute(insert(found.tables["plans"]).values(_PLAN))
        with file.open("wb") as output:
            writer = BackupWriter(output, Header(revision, NOW, 1, 0))
            for table in tables:
                writer.begin_table(TableHead(table.name, {column.name: _kind(column) for column in table.columns}))
                for row in connection.execute(select(table)):
                    writer.write_row(list(row))
            writer.seal(pepper)
    database.close()
    restore(target, file, [pepper], NOW, force=False)
    with target.read() as connection:
        assert migrations.present(connection) == migrations.latest()
    assert "'gold'" in rows_of(target)["plans"][0]
    assert History(target).head() == Version(1, 0)


_PLAN = {
    "name": "gold",
    "description": "",
    "limits": [],
    "scopes": ["read"],
    "created_at": 1,
    "updated_at": 1,
    "revision": 1,
}


def _kind(column: Any) -> Any:
    return "json" if column.name in {"limits", "scopes", "metadata"} else "text"
