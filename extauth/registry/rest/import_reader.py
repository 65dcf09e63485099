"""The rows in a file of JSON lines or CSV (RFC 4180), read while it arrives: no more than a line is kept."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from extauth.registry.errors import FieldProblem, InvalidError
from extauth.registry.identity import Identity
from extauth.registry.key_import import Row
from extauth.registry.rest.import_bodies import FIELDS, row_from

Format = Literal["jsonl", "csv"]
MAX_LINE = 64 * 1024
"""Bytes."""
_BYTE_ORDER_MARK = "\ufeff"
_JSON_CELLS = frozenset({"metadata", "limits"})
_Read = Callable[[Iterable[bytes], Identity, int], Iterator[Row]]


def lines_of(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Lines with their ends; InvalidError for one that does not end."""
    rest, number = b"", 1
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line + b"\n"
        number += len(lines)
        if len(rest) > MAX_LINE:
            raise _unreadable(number, "is too long", f"use at most {MAX_LINE} bytes a line")
    if rest:
        yield rest


def read_json_lines(chunks: Iterable[bytes], importer: Identity, now: int) -> Iterator[Row]:
    """A JSON object on each line that is not blank."""
    for number, line in enumerate(lines_of(chunks), 1):
        text = line.strip()
        if text:
            yield row_from(number, text, text, importer, now)


def read_csv(chunks: Iterable[bytes], importer: Identity, now: int) -> Iterator[Row]:
    """Names of fields on the first line; scopes apart by spaces or commas, metadata and limits in JSON.

    An empty cell is a field that was left out.
    """
    # Bytes that are not UTF-8 become characters that no field may have.
    texts = (line.decode("utf-8", "surrogateescape") for line in lines_of(chunks))
    reader = csv.reader(texts, strict=True)
    header: Sequence[str] | None = None
    number = 1
    try:
        for cells in reader:
            if cells and header is None:
                header = _header(cells)
            elif cells and header is not None:
                yield _row(number, header, cells, importer, now)
            number = reader.line_num + 1
    except csv.Error:  # its text may quote the file
        raise _unreadable(number, "is not CSV", 'quote cells with ", and a " within them twice') from None


READERS: Mapping[Format, _Read] = {"jsonl": read_json_lines, "csv": read_csv}


def _header(cells: Sequence[str]) -> Sequence[str]:
    names = [cell.strip() for cell in (cells[0].removeprefix(_BYTE_ORDER_MARK), *cells[1:])]
    problems = [
        FieldProblem(f"column {number}", "has a name that is not known, or stands here twice", _names())
        for number, name in enumerate(names, 1)
        if name not in FIELDS or name in names[: number - 1]
    ]
    if problems:
        raise InvalidError(problems)
    return names


def _row(number: int, header: Sequence[str], cells: Sequence[str], importer: Identity, now: int) -> Row:
    text = "\0".join(cells).encode("utf-8", "surrogateescape")
    if len(cells) != len(header):
        message = f"has {len(cells)} cells and not {len(header)}, as the first line"
        return Row(number, text, None, [FieldProblem("", message, "mend the commas and quotes")])
    values: dict[str, Any] = {}
    for name, cell in zip(header, cells, strict=True):
        if not cell:
            continue
        try:
            values[name] = _value(name, cell)
        except (ValueError, RecursionError):
            return Row(number, text, None, [FieldProblem(name, "is not JSON", "write it as in JSON lines")])
    return row_from(number, text, values, importer, now)


def _value(name: str, cell: str) -> object:
    if name == "scopes":
        return cell.replace(",", " ").split()
    return json.loads(cell) if name in _JSON_CELLS else cell


def _names() -> str:
    return f"use each of these once at most: {', '.join(FIELDS)}"


def _unreadable(line: int, message: str, remedy: str) -> InvalidError:
    return InvalidError([FieldProblem(f"line {line}", message, f"{remedy}; then send the file again")])
