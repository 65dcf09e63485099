"""Usage as a file, written while it is read: CSV (RFC 4180) or a JSON array, one item on a line."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from extauth.registry.rest.usage_bodies import Format, columns_of, shown
from extauth.registry.usage_listing import Usage, UsageScope

MEDIA_TYPES: Mapping[Format, str] = {"json": "application/json", "csv": "text/csv"}
_Write = Callable[[UsageScope, Iterable[Sequence[Usage]]], Iterator[str]]


def as_csv(scope: UsageScope, parts: Iterable[Sequence[Usage]]) -> Iterator[str]:
    """The names of the columns, then a line for each sum."""
    columns = columns_of(scope)
    yield _lines([columns])
    for part in parts:
        yield _lines([list(shown(usage, scope).values()) for usage in part])


def as_json(scope: UsageScope, parts: Iterable[Sequence[Usage]]) -> Iterator[str]:
    """An array; what breaks off in the middle is no JSON, and shows it."""
    before = "["
    for part in parts:
        for usage in part:
            yield f"{before}\n{json.dumps(shown(usage, scope), separators=(',', ':'))}"
            before = ","
    yield "[]\n" if before == "[" else "\n]\n"


WRITERS: Mapping[Format, _Write] = {"json": as_json, "csv": as_csv}


def _lines(rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
