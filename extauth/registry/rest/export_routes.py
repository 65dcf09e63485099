"""The route of exports: all keys, or some, as one file that is written while it is read. It has no secrets."""

import csv
import dataclasses
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse

from extauth.registry.filtering import Filter
from extauth.registry.operations import KeyRegistry
from extauth.registry.rest.bodies import FilterQuery, KeyBody
from extauth.registry.rest.routing import Caller, failures, router_for
from extauth.registry.sorting import Order

PATH = "/v1/keys:export"
_PAGE = 500
_OLDEST_FIRST = Order("created", "asc")
Format = Literal["jsonl", "csv"]
MEDIA_TYPES: Mapping[Format, str] = {"jsonl": "application/x-ndjson", "csv": "text/csv"}
_COLUMNS = tuple(KeyBody.model_fields)
_TEXT = {"schema": {"type": "string"}}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "All keys, oldest first", "content": dict.fromkeys(MEDIA_TYPES.values(), _TEXT)}
}
_Accept = Annotated[str, Header(include_in_schema=False)]


class ExportQuery(FilterQuery):
    """Which keys are exported, and as what."""

    format: Format | None = None
    """jsonl: a JSON object on each line; csv: RFC 4180, scopes apart by spaces, lists and metadata in JSON. When left
    out: csv where Accept begins with text/csv, else jsonl."""


class ExportRoutes:
    """Plain functions, which run in threads, as those of KeyRoutes."""

    def __init__(self, registry: KeyRegistry) -> None:
        self._registry = registry

    def router(self) -> APIRouter:
        router = router_for("/v1", "keys")
        router.add_api_route(
            PATH.removeprefix("/v1"),
            self.export,
            methods=["GET"],
            response_class=StreamingResponse,
            responses=_FILE | failures(HTTPStatus.UNPROCESSABLE_ENTITY),
        )
        return router

    def export(self, query: Annotated[ExportQuery, Query()], caller: Caller, accept: _Accept = "") -> StreamingResponse:
        """Show all keys at once, as a file, oldest first. It has neither secrets nor digests.

        It is read some keys at a time: a key that changes meanwhile is as it was or as it is then. Should the registry
        fail on the way, the answer breaks off: it is then no complete HTTP message.
        """
        wanted = dataclasses.replace(query.filter(), tenant=caller.narrow(query.tenant))
        form: Format = query.format or ("csv" if accept.lower().startswith("text/csv") else "jsonl")
        parts = self._parts(wanted)
        first = next(parts)  # what is wrong with the query is told before anything is sent
        headers = {"content-disposition": f'attachment; filename="keys.{form}"'}
        return StreamingResponse(_WRITERS[form](_chained(first, parts)), media_type=MEDIA_TYPES[form], headers=headers)

    def _parts(self, wanted: Filter) -> Iterator[Sequence[KeyBody]]:
        """No transaction stays open between two of them, however slowly they are taken."""
        cursor = ""
        while True:
            page = self._registry.find(wanted, _PAGE, cursor, _OLDEST_FIRST)
            now = self._registry.clock()
            yield [KeyBody.of(key, now) for key in page.keys]
            cursor = page.next_cursor
            if not cursor:
                return


def _chained(first: Sequence[KeyBody], rest: Iterable[Sequence[KeyBody]]) -> Iterator[Sequence[KeyBody]]:
    yield first
    yield from rest


def _json_lines(parts: Iterable[Sequence[KeyBody]]) -> Iterator[str]:
    for part in parts:
        yield "".join(f"{key.model_dump_json()}\n" for key in part)


def _csv(parts: Iterable[Sequence[KeyBody]]) -> Iterator[str]:
    yield _lines([_COLUMNS])
    for part in parts:
        yield _lines([[_cell(name, value) for name, value in key.model_dump(mode="json").items()] for key in part])


_WRITERS: Mapping[Format, Callable[[Iterable[Sequence[KeyBody]]], Iterator[str]]] = {"jsonl": _json_lines, "csv": _csv}


def _cell(name: str, value: object) -> object:
    if name == "scopes" and isinstance(value, list):
        return " ".join(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def _lines(rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
