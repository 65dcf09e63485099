"""The file of a backup: JSON lines packed with gzip, which no database's own tools are needed to read.

first line   {"extauth_backup": 1, "tables_of": "0007", "made_at": 1790000000000, "epoch": 1, "revision": 42}
then         {"table": "keys", "columns": {"id": "text", "digest": "bytes", "scopes": "json"}}, which begins a table
             ["4h...", "q83v...", ["read"]], a row of it; bytes are in base64
last line    {"rows": 1234, "pepper_id": "p1", "seal": "<64 hexadecimal digits>"}

The seal is an HMAC, under the registry's first pepper, of the SHA-256 of all lines before. So a file that is cut,
spoilt or written by somebody else is refused, and so is one whose pepper is not there, without which its keys are of no
use.
"""

import gzip
import hashlib
import hmac
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from extauth.keys.digest import Pepper
from extauth.registry.errors import RegistryError

FORMAT = 1
Kind = Literal["text", "bytes", "json"]
"""How the values of a column are written; numbers are as text is."""
_MARK = b"\xffbackup"  # no text in UTF-8 has this byte, so no key is digested like a backup
_LEVEL = 6  # of gzip; a higher one costs more than it saves


class BackupError(RegistryError):
    """The file cannot be written, read or believed; the text says why."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a backup is of. Times are Unix milliseconds."""

    tables_of: str
    """The migration that the tables had come to."""
    made_at: int
    epoch: int
    revision: int
    """Of the last change that is in it."""


@dataclass(frozen=True, slots=True)
class TableHead:
    """Begins the rows of a table."""

    name: str
    columns: Mapping[str, Kind]


class BackupWriter:
    """Writes the lines, and at the end the seal."""

    def __init__(self, file: BinaryIO, header: Header) -> None:
        self._packed = gzip.GzipFile(fileobj=file, mode="wb", compresslevel=_LEVEL, filename="", mtime=0)
        self._hash = hashlib.sha256()
        self.rows = 0
        self._write({"extauth_backup": FORMAT, **asdict(header)})

    def begin_table(self, head: TableHead) -> None:
        self._write({"table": head.name, "columns": dict(head.columns)})

    def write_row(self, values: Sequence[Any]) -> None:
        """Of the columns that the table was begun with, with bytes in base64."""
        self._write(values)
        self.rows += 1

    def seal(self, pepper: Pepper) -> None:
        """Write the last line, and all that was not written yet."""
        seal = _seal(pepper, self._hash.digest())
        self._write({"rows": self.rows, "pepper_id": pepper.id, "seal": seal})
        self._packed.close()

    def _write(self, value: object) -> None:
        line = json.dumps(value, separators=(",", ":")).encode() + b"\n"
        self._hash.update(line)
        self._packed.write(line)


def verify(path: Path, peppers: Sequence[Pepper]) -> Header:
    """Read all of a file; BackupError unless it is as one of these peppers has sealed it."""
    digest, lines = hashlib.sha256(), 0
    header: Header | None = None
    with _lines(path) as found:
        last = b""
        for line in found:
            if header is None:
                header = _header(line)
            digest.update(last)
            last, lines = line, lines + 1
    if header is None:
        raise BackupError("the file is empty")
    _check_seal(last, digest.digest(), peppers)
    return header


def contents(path: Path) -> Iterator[TableHead | list[Any]]:
    """The tables of a file that has been verified, each before its rows."""
    with _lines(path) as found:
        next(found)
        for line in found:
            value = json.loads(line)
            if isinstance(value, list):
                yield value
            elif "table" in value:
                yield TableHead(value["table"], value["columns"])


@contextmanager
def _lines(path: Path) -> Iterator[Iterator[bytes]]:
    try:
        with gzip.open(path, "rb") as file:
            yield iter(file)
    except EOFError:
        raise BackupError("the file breaks off: it was not written to its end, or not copied to its end") from None
    except (gzip.BadGzipFile, zlib.error):
        raise BackupError("the file is not a backup, or it is spoilt: take another one") from None
    except OSError as error:
        raise BackupError(f"the file cannot be read: {error.strerror or error}") from None


def _header(line: bytes) -> Header:
    value = _object(line)
    if value.pop("extauth_backup", None) != FORMAT:
        raise BackupError("the file is not a backup, or one of a later version of extauth")
    try:
        return Header(**value)
    except TypeError:
        raise BackupError("the file is one of a later version of extauth: restore it with that version") from None


def _check_seal(line: bytes, digest: bytes, peppers: Sequence[Pepper]) -> None:
    end = _object(line)
    if "seal" not in end:
        raise BackupError("the file breaks off: its seal is missing")
    pepper = next((pepper for pepper in peppers if pepper.id == end["pepper_id"]), None)
    if pepper is None:
        raise BackupError(f"its seal is of pepper {end['pepper_id']!r}: add that to keys.peppers, as it was then")
    if not hmac.compare_digest(_seal(pepper, digest), str(end["seal"])):
        raise BackupError(
            f"its seal is broken: the file was changed, or pepper {pepper.id!r} has another secret than it had then"
        )


def _object(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise BackupError("the file is not a backup, or it is spoilt: take another one")
    return value


def _seal(pepper: Pepper, digest: bytes) -> str:
    return pepper.digest_of(_MARK + digest).hex()
