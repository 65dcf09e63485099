"""The database: connections, transactions and migration. SQLAlchemy's errors end here.

Core and synchronous: statements are the same on SQLite and PostgreSQL, and no event loop waits for a disk.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry

from extauth.registry import migrations
from extauth.registry.database_failures import OTHER, explain
from extauth.registry.errors import UnavailableError
from extauth.registry.schema import registry
from extauth.telemetry.logs import logger

DEADLINE = 5.0
"""Seconds: the longest wait for a connection, a lock or a statement."""

_POOL = 8
"""Connections that are kept, and as many more while they are needed."""
_STATEMENTS = 16
"""Compiled ones that each connection to SQLite keeps. Those with hundreds of ids in a list take 100 kB each, and every
length of the list is another one."""
_log = logger(__name__)
_WRITES = "extauth_writes"


class Database:
    """A pool of connections to one database. Nothing is opened before the first use."""

    def __init__(self, url: str, password: str | None = None, deadline: float = DEADLINE) -> None:
        """UnavailableError when the database's driver is not installed. `deadline` in seconds, for each wait."""
        self._url = make_url(url)
        if self._url.drivername == "postgresql":
            self._url = self._url.set(drivername="postgresql+psycopg")  # what that means depends on SQLAlchemy
        if password is not None:
            self._url = self._url.set(password=password)
        try:
            self._engine = _ENGINES[self._url.get_backend_name()](self._url, deadline)
        except ModuleNotFoundError as error:
            raise UnavailableError(f"the driver {error.name} is not installed: add it with pip") from None
        self._writing = self._engine.execution_options(**{_WRITES: True})
        # The database lets one writer in at a time: SQLite by its lock, others at the counter of revisions. Threads
        # that queue here are served in turn, and do not poll SQLite's lock or hold connections meanwhile.
        self._turn = threading.Lock()
        self._begun = threading.local()
        self._deadline = deadline

    def migrate(self) -> None:
        """Make the database, or bring it to the tables of this version. Safe while other processes do the same."""
        if self._url.get_backend_name() == "sqlite":
            _make_private(Path(str(self._url.database)))
        with self.write() as connection:
            migrations.upgrade(connection)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read transaction; UnavailableError when the database fails."""
        with _translated(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A read transaction that sees one moment, however long it reads; UnavailableError when the database fails."""
        with self.read() as connection:
            if connection.dialect.name == "postgresql":  # SQLite's see no other
                connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
                migrations.let_it_take_its_time(connection)
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A write transaction: all of it or, after any error, nothing. UnavailableError when the database fails.

        Within one of the same thread it is a part of that, which ends with it.
        """
        outer: Connection | None = getattr(self._begun, "connection", None)
        if outer is not None:
            yield outer
            return
        if not self._turn.acquire(timeout=self._deadline):
            raise UnavailableError("the database is busy: try again")
        try:
            with _translated(), self._writing.begin() as connection:
                self._begun.connection = connection
                yield connection
        finally:
            self._begun.connection = None
            self._turn.release()

    def ping(self) -> None:
        """UnavailableError unless the database answers and has our tables."""
        with self.read() as connection:
            connection.execute(select(registry.c.revision)).scalar_one()

    def close(self) -> None:
        self._engine.dispose()


@contextmanager
def _translated() -> Iterator[None]:
    """Only an OperationalError (locked, full, away) is logged in the driver's words: others may quote a row."""
    try:
        yield
    except (DBAPIError, PoolTimeoutError) as error:
        detail = str(error.orig) if isinstance(error, OperationalError) else ""
        _log.warning("the database failed", error=type(error).__name__, detail=detail)
        raise UnavailableError(explain(error.orig) if isinstance(error, DBAPIError) else OTHER) from None


def _sqlite_engine(url: URL, deadline: float) -> Engine:
    engine = create_engine(url, connect_args={"cached_statements": _STATEMENTS}, **_pool(deadline))

    def configure(connection: Any, _entry: ConnectionPoolEntry) -> None:  # noqa: ANN401 (the driver's type)
        connection.isolation_level = None  # the driver begins no transactions of its own: `_begin_sqlite` does
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {round(deadline * 1000)}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")  # an acknowledged revocation survives a power cut
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    event.listen(engine, "connect", configure)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at the start: a read transaction that becomes a writer later fails without waiting."""
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgresql_engine(url: URL, deadline: float) -> Engine:
    milliseconds = round(deadline * 1000)
    settings = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    arguments = {
        "connect_timeout": max(round(deadline), 2),  # libpq takes no less
        "options": " ".join(f"-c {name}={milliseconds}" for name in settings),
        # For a server that vanishes without a word: the first while we send, the others while we wait.
        "tcp_user_timeout": milliseconds,
        "keepalives_idle": 2,
        "keepalives_interval": 1,
        "keepalives_count": 3,
        "prepare_threshold": None,  # poolers between us and the server may not know of prepared statements
    }
    # What is read after a wait for another writer has to be what that writer committed.
    engine = create_engine(
        url, isolation_level="READ COMMITTED", pool_pre_ping=True, connect_args=arguments, **_pool(deadline)
    )
    from extauth.registry.patient_connection import PatientConnection  # noqa: PLC0415 (the driver is an extra)

    def connect(_dialect: object, _record: object, words: Any, named: Any) -> PatientConnection:  # noqa: ANN401 (SQLAlchemy's)
        connection = PatientConnection.connect(*words, **named)
        connection.patience = deadline
        return connection

    def reset(connection: PatientConnection, _record: object, _state: object) -> None:
        connection.patience = deadline  # a migration had set it aside

    event.listen(engine, "do_connect", connect)
    event.listen(engine, "reset", reset)
    return engine


_ENGINES = {"sqlite": _sqlite_engine, "postgresql": _postgresql_engine}


def _pool(deadline: float) -> dict[str, Any]:
    """Digests stay out of tracebacks, too."""
    return {"pool_size": _POOL, "max_overflow": _POOL, "pool_timeout": deadline, "hide_parameters": True}


def _make_private(path: Path) -> None:
    """Only the owner may read the file; SQLite gives its -wal and -shm files the same mode."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        path.chmod(0o600)  # not by a descriptor: closing one would drop SQLite's locks on the file
    except OSError as error:
        raise UnavailableError(f"the database file {path} cannot be made: {error.strerror}") from None
