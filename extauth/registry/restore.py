"""Making a database of a backup, in one transaction: all of it or nothing.

The tables are made as they were when the backup was written, filled, and then brought to those of this version. So a
backup of an earlier version is as good as one of this, and one of SQLite can become a PostgreSQL, or the other way.
"""

from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    Connection,
    ForeignKeyConstraint,
    LargeBinary,
    Table,
    column,
    delete,
    exists,
    func,
    insert,
    select,
    table,
    text,
)
from sqlalchemy.sql.type_api import TypeEngine
from sqlalchemy.types import NullType

from extauth.keys.digest import Pepper
from extauth.registry import migrations
from extauth.registry.admin_schema import audit
from extauth.registry.audit import Target
from extauth.registry.backup import LEFT_OUT, TABLES
from extauth.registry.backup_file import BackupError, Header, Kind, TableHead, contents, verify
from extauth.registry.database import Database
from extauth.registry.errors import ConflictError
from extauth.registry.import_schema import key_imports
from extauth.registry.schema import registry, usage_resolutions
from extauth.registry.transaction import Action, Transaction

ACTOR = "extauth registry restore"
"""For the audit trail."""
_BATCH = 1000  # rows of a statement
_TYPES: Mapping[Kind, TypeEngine[Any]] = {"text": NullType(), "json": JSON(), "bytes": LargeBinary()}
_READ: Mapping[Kind, Callable[[Any], Any]] = {
    "text": lambda value: value,
    "json": lambda value: value,
    "bytes": b64decode,
}
_OF_MIGRATIONS = frozenset({registry, usage_resolutions})
"""Tables that have rows from the start."""


def restore(database: Database, path: Path, peppers: Sequence[Pepper], now: int, *, force: bool) -> Header:
    """Fill an empty database, or with `force` any; what the backup is of. `now` in Unix milliseconds.

    BackupError for a file that is not as it was written, or of a later version; ConflictError for a database that has
    something in it; UnavailableError. After any of them the database is as it was.
    """
    header = verify(path, peppers)
    if header.tables_of not in migrations.known():
        raise BackupError("the backup is of a later version of extauth: restore it with that version")
    database.migrate()
    with database.write() as connection:
        migrations.let_it_take_its_time(connection)
        if not force and not _is_empty(connection):
            raise ConflictError("has keys or other things already", "restore into an empty one", "database", "content")
        _drop_all(connection)
        migrations.upgrade(connection, header.tables_of)
        with _references_checked_at_the_end(connection):
            _load(connection, path)
        migrations.upgrade(connection)
        _go_on_counting(connection)
        told = {"made_at": header.made_at, "epoch": header.epoch, "last_revision": header.revision}
        Transaction(connection, ACTOR, now).record(Target("registry", "backup"), {}, told, Action.RESTORED)
    return header


def _is_empty(connection: Connection) -> bool:
    found = (connection.execute(select(exists(select(one)))).scalar() for one in TABLES if one not in _OF_MIGRATIONS)
    return not any(found)


def _drop_all(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.execute(text("PRAGMA defer_foreign_keys = ON"))
    key_imports.metadata.drop_all(connection, [*TABLES, *LEFT_OUT])
    connection.execute(text("DROP TABLE alembic_version"))


def _load(connection: Connection, path: Path) -> None:
    known = {one.name for one in TABLES}
    for head, rows in _by_table(contents(path)):
        if head.name not in known:
            raise BackupError(f"the backup has a table {head.name!r}, which this version does not know")
        target = table(head.name, *(column(name, _TYPES[kind]) for name, kind in head.columns.items()))
        connection.execute(delete(target))  # what migrations have put there
        names, converters = list(head.columns), [_READ[kind] for kind in head.columns.values()]
        values = (
            {name: convert(value) for name, convert, value in zip(names, converters, row, strict=True)} for row in rows
        )
        while batch := list(islice(values, _BATCH)):
            connection.execute(insert(target), batch)


def _by_table(found: Iterable[TableHead | list[Any]]) -> Iterator[tuple[TableHead, Iterator[list[Any]]]]:
    """Each table with its rows, which must be taken before the next one."""
    entries = iter(found)
    head = next(entries, None)
    following: list[TableHead] = []

    def rows() -> Iterator[list[Any]]:
        for entry in entries:
            if isinstance(entry, TableHead):
                following.append(entry)
                return
            yield entry

    while isinstance(head, TableHead):
        yield head, rows()
        head = following.pop() if following else None


@contextmanager
def _references_checked_at_the_end(connection: Connection) -> Iterator[None]:
    """Rows of one table that refer to each other may then come in any order."""
    if connection.dialect.name == "sqlite":
        connection.execute(text("PRAGMA defer_foreign_keys = ON"))  # until the commit
        yield
        return
    _alter_references(connection, "DEFERRABLE INITIALLY DEFERRED")
    yield
    connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    _alter_references(connection, "NOT DEFERRABLE")


def _alter_references(connection: Connection, how: str) -> None:
    for one, constraint in _own_references():
        connection.execute(text(f'ALTER TABLE "{one.name}" ALTER CONSTRAINT "{constraint.name}" {how}'))


def _own_references() -> Iterator[tuple[Table, ForeignKeyConstraint]]:
    for one in TABLES:
        for constraint in sorted(one.foreign_key_constraints, key=lambda found: str(found.name)):
            if constraint.referred_table is one:
                yield one, constraint


def _go_on_counting(connection: Connection) -> None:
    """PostgreSQL's sequences do not see ids that rows come with; SQLite looks at the rows."""
    if connection.dialect.name == "postgresql":
        sequence = func.pg_get_serial_sequence(audit.name, audit.c.id.name)
        last = select(func.max(audit.c.id).label("id")).subquery()
        connection.execute(select(func.setval(sequence, last.c.id)).where(last.c.id.is_not(None)))
