"""What a driver's error means for whoever waits: one sentence for each kind of failure that somebody can do something
about.
"""

import sqlite3
from collections.abc import Mapping

OTHER = "the database does not answer: try again, and see the registry's log"
_LOCKED = "the database is locked by another process: try again"
_DISK = "the database's disk is full or broken: see the registry's log"
_NO_WRITES = "the database takes no changes now, only questions: try again"

_BY_SQLITE_CODE: Mapping[int, str] = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_FULL: _DISK,
    sqlite3.SQLITE_IOERR: _DISK,
    sqlite3.SQLITE_READONLY: _NO_WRITES,
}
_BY_SQLSTATE: Mapping[str, str] = {
    "25006": _NO_WRITES,  # read_only_sql_transaction
    "53100": _DISK,  # disk_full
    "55P03": _LOCKED,  # lock_not_available
}
_PRIMARY = 0xFF  # of SQLite's extended codes


def explain(error: BaseException | None) -> str:
    """A sentence without anything that the driver said, which may quote a row."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        return _BY_SQLITE_CODE.get(code & _PRIMARY, OTHER)
    return _BY_SQLSTATE.get(getattr(error, "sqlstate", None) or "", OTHER)
