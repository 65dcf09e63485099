"""Files of keys on this machine: a file to import cut into parts, and the progress of a long command."""

import csv
import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import click

MEDIA_TYPES: Mapping[str, str] = {"jsonl": "application/x-ndjson", "csv": "text/csv"}
_SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv"}
ROWS = 1_000
"""Rows in a part: less than a second's work for the registry."""
_BYTES = 4 * 1024 * 1024
_MARK = b"\xef\xbb\xbf"  # of UTF-8, before the first line


class Progress(Protocol):
    """How far a command has come, as click's progress bar shows it."""

    def update(self, n_steps: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a file."""

    position: int
    """How many rows come before them."""
    media_type: str
    data: bytes = field(repr=False)
    length: int
    """Bytes of the file."""
    lines: Sequence[int]
    """The line in the file, from 1 on, on which each of its rows begins."""
    more: bool
    """Whether other parts follow."""


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    text: bytes
    length: int


def format_of(file: Path, asked: str | None) -> str:
    """Csv or jsonl; UsageError when nothing says which."""
    form = asked or _SUFFIXES.get(file.suffix.lower())
    if form is None:
        raise click.UsageError(f"the name of the file does not say what it is: use --format {' or '.join(MEDIA_TYPES)}")
    return form


def progress(length: int, label: str) -> AbstractContextManager[Progress]:
    """A bar of so many bytes on standard error; nothing when that is no terminal."""
    return click.progressbar(length=length, label=label, file=sys.stderr, hidden=not sys.stderr.isatty())


def parts_of(file: Path, form: str, *, skip: int) -> Iterator[Part]:
    """The rows of a file after the first `skip` ones, in parts of which one at a time is in memory."""
    with file.open("rb") as source:
        header, rows = _csv_rows(source) if form == "csv" else (b"", _json_rows(source))
        for _ in range(skip):
            next(rows, None)
        position, following = skip, next(rows, None)
        while following is not None:
            part = [following]
            while (following := next(rows, None)) is not None and len(part) < ROWS and _size(part) < _BYTES:
                part.append(following)
            data = header + b"".join(row.text for row in part)
            lines = [row.line for row in part]
            yield Part(position, MEDIA_TYPES[form], data, _size(part), lines, more=following is not None)
            position += len(part)


def _size(rows: Sequence[_Row]) -> int:
    return sum(row.length for row in rows)


def _json_rows(source: io.BufferedReader) -> Iterator[_Row]:
    for number, line in enumerate(source, 1):
        if line.strip():
            yield _Row(number, line if line.endswith(b"\n") else line + b"\n", len(line))


def _csv_rows(source: io.BufferedReader) -> tuple[bytes, Iterator[_Row]]:
    """The header, and the rows, each as it stands in the file: a cell may have line ends."""
    read: list[bytes] = []

    def texts() -> Iterator[str]:
        for line in source:
            read.append(line)
            yield line.decode("utf-8", "surrogateescape")

    def rows() -> Iterator[_Row]:
        line = 1 + len(read)
        reader = csv.reader(texts(), strict=True)
        while True:
            read.clear()
            cells = _next(reader, line)
            if cells is None:
                return
            text = b"".join(read)
            if cells:
                yield _Row(line, text if text.endswith(b"\n") else text + b"\n", len(text))
            line += len(read)

    found = rows()
    header = next(found, None)
    return (b"" if header is None else header.text.removeprefix(_MARK)), found


def _next(reader: Any, line: int) -> Sequence[str] | None:  # noqa: ANN401 (csv has no name for its readers)
    try:
        found: Sequence[str] | None = next(reader, None)
    except csv.Error:  # its text may quote the file
        raise click.UsageError(f"line {line} is not CSV: quote cells with double quotes") from None
    return found
