"""What a test does to a SQLite database behind its registry's back."""

import sqlite3
from contextlib import closing
from pathlib import Path


def copy(source: Path, target: Path) -> None:
    """All of it, whatever else is open."""
    with closing(sqlite3.connect(source)) as from_one, closing(sqlite3.connect(target)) as to_other:
        from_one.backup(to_other)


def rename_table(path: Path, name: str, new_name: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"ALTER TABLE {name} RENAME TO {new_name}")
