"""What is in a database or in a backup of it."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select

from extauth.registry.backup import TABLES
from extauth.registry.database import Database

NOW = 1_790_000_000_000


def rows_of(database: Database) -> dict[str, list[str]]:
    """All that is backed up; as text, since bytes are of another type on each database."""
    with database.read() as connection:
        return {table.name: sorted(map(repr, connection.execute(select(table)).all())) for table in TABLES}


def lines_of(file: Path) -> list[Any]:
    return [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]


def write_lines(file: Path, lines: Sequence[Any]) -> None:
    file.write_bytes(
        gzip.compress(b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines))
    )
