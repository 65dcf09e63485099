"""Brings a database to the tables of this version. Steps are numbered files in `versions/` and never change later."""

import threading
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, func, select, text

from extauth.registry.errors import UnavailableError

_one_at_a_time = threading.Lock()  # alembic keeps the step that it runs in global variables
_POSTGRESQL_LOCK = 0x65787461757468  # "extauth"; any number that nobody else takes
_PATIENCE = 600  # seconds for other processes to finish theirs


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Apply all steps that are missing, in the write transaction of `connection`, while other processes wait.

    With `revision` only those up to that. UnavailableError for an unknown schema.
    """
    let_it_take_its_time(connection)
    if connection.dialect.name == "postgresql":  # on SQLite the transaction itself keeps others out
        connection.execute(select(func.pg_advisory_xact_lock(_POSTGRESQL_LOCK)))
    try:
        with _one_at_a_time:
            command.upgrade(_config(connection), revision)
    except CommandError:
        raise UnavailableError("the database belongs to a later version of extauth: run that version") from None


def let_it_take_its_time(connection: Connection) -> None:
    """No deadlines in the transaction of `connection`, but for locks of others."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL lock_timeout = '{_PATIENCE}s'"))
        connection.execute(text("SET LOCAL statement_timeout = 0"))  # an index of a large table takes its time
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))  # on a busy machine we are slow
        driver: Any = connection.connection.driver_connection
        driver.patience = None  # until the connection is back in the pool


def present(connection: Connection) -> str | None:
    """The step that the database has come to; None for one without tables."""
    return MigrationContext.configure(connection).get_current_revision()


def check_present(connection: Connection) -> None:
    """For those who must not change them: UnavailableError unless the tables are those of this version."""
    found = present(connection)
    if found is None:
        raise UnavailableError("the database has no tables: is it the right one? `extauth registry init` makes them")
    if found != latest():
        raise UnavailableError("the database has the tables of another version of extauth: use that version")


def known() -> frozenset[str]:
    """All steps of this version."""
    return frozenset(script.revision for script in _scripts().walk_revisions())


def latest() -> str:
    """The last of them."""
    head = _scripts().get_current_head()
    assert head is not None
    return head


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config(connection: Connection | None = None) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config
