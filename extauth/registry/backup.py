"""A backup of the registry while it serves: one moment of the database, whichever it is, in one file."""

import os
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Connection, LargeBinary, Table, select

from extauth.keys.digest import Pepper
from extauth.registry import migrations
from extauth.registry.admin_schema import idempotent_answers
from extauth.registry.backup_file import BackupError, BackupWriter, Header, Kind, TableHead
from extauth.registry.database import Database
from extauth.registry.import_schema import key_imports
from extauth.registry.schema import registry

LEFT_OUT = (idempotent_answers,)
"""They hold secrets, if encrypted ones, and are of use for a day."""
TABLES: Sequence[Table] = [table for table in key_imports.metadata.sorted_tables if table not in LEFT_OUT]
"""All others, each after those that it refers to."""
_PAGE = 1000  # rows in memory
_WRITTEN: Mapping[Kind, Callable[[Any], Any]] = {
    "text": lambda value: value,
    "json": lambda value: value,
    "bytes": lambda value: b64encode(value).decode(),
}


def back_up(database: Database, path: Path, pepper: Pepper, now: int) -> tuple[Header, int]:
    """Write a new file that only its owner may read; what it is of, and how many rows it has.

    `now` in Unix milliseconds. BackupError when the file is there or cannot be written, and UnavailableError. The file
    is there when it is complete: until then it is called FILE.part.
    """
    if path.exists():
        raise BackupError("the file is there already, and is not overwritten: name another one")
    unfinished = path.with_name(f"{path.name}.part")
    try:
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file, database.snapshot() as connection:
                header = _header(connection, now)
                writer = BackupWriter(file, header)
                for table in TABLES:
                    _write_table(connection, table, writer)
                writer.seal(pepper)
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise BackupError(f"the file cannot be written: {error.strerror or error}") from None
    return header, writer.rows


def _header(connection: Connection, now: int) -> Header:
    migrations.check_present(connection)
    epoch, revision = connection.execute(select(registry.c.epoch, registry.c.revision)).one()
    return Header(migrations.latest(), now, epoch, revision)


def _write_table(connection: Connection, table: Table, writer: BackupWriter) -> None:
    kinds = {column.name: _kind(column.type) for column in table.columns}
    writer.begin_table(TableHead(table.name, kinds))
    converters = [_WRITTEN[kind] for kind in kinds.values()]
    for row in connection.execute(select(table).execution_options(yield_per=_PAGE)):
        writer.write_row([convert(value) for convert, value in zip(converters, row, strict=True)])


def _kind(type_: object) -> Kind:
    if isinstance(type_, LargeBinary):
        return "bytes"
    return "json" if isinstance(type_, JSON) else "text"
