"""Brings a database to the tables of this version. Steps are numbered files in `versions/` and never change later."""

import threading
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, func, select, text

from extauth.registry.errors import UnavailableError

_one_at_a_time = threading.Lock()  # alembic keeps the step that it runs in global variables
_POSTGRESQL_LOCK = 0x65787461757468  # "extauth"; any number that nobody else takes
_PATIENCE = 600  # seconds for other processes to finish theirs


def upgrade(connection: Connection) -> None:
    """Apply all steps that are missing, in the write transaction of `connection`, while other processes wait.

    UnavailableError for an unknown schema.
    """
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    if connection.dialect.name == "postgresql":  # on SQLite the transaction itself keeps others out
        connection.execute(text(f"SET LOCAL lock_timeout = '{_PATIENCE}s'"))
        connection.execute(text("SET LOCAL statement_timeout = 0"))  # an index of a large table takes its time
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))  # on a busy machine we are slow
        connection.execute(select(func.pg_advisory_xact_lock(_POSTGRESQL_LOCK)))
    try:
        with _one_at_a_time:
            command.upgrade(config, "head")
    except CommandError:
        raise UnavailableError("the database belongs to a later version of extauth: run that version") from None
