"""The routes of imports: a file of keys that exist already, of any length, done while it arrives."""

import secrets
from collections.abc import Iterator
from http import HTTPStatus
from threading import BoundedSemaphore
from typing import Annotated, Any

import anyio.from_thread
from fastapi import APIRouter, Header, Query
from pydantic import Field
from starlette.requests import ClientDisconnect, Request

from extauth.registry.errors import UnavailableError
from extauth.registry.imports import Importer, KeyImports
from extauth.registry.rest.import_bodies import ImportBody, ImportList
from extauth.registry.rest.import_reader import READERS, Format
from extauth.registry.rest.routing import Caller, failures, router_for
from extauth.registry.rest.shapes import GivenQuery

PATH = "/v1/keys:import"
_AT_ONCE = 4
"""Each takes one of the threads that answer requests, for as long as its file takes to come."""
_ID = r"^([A-Za-z0-9][A-Za-z0-9._-]{0,62})?$"
_TEXT: dict[str, Any] = {"schema": {}}  # any text may be sent: what is wrong with a row the report tells
_BODY: dict[str, Any] = {
    "requestBody": {"required": False, "content": {"application/x-ndjson": _TEXT, "text/csv": _TEXT}}
}
_ContentType = Annotated[str, Header(include_in_schema=False)]


class ImportQuery(GivenQuery):
    """Which import it is, and which part of its file."""

    id: str = Field(default="", pattern=_ID, examples=["crm-2027"])
    """Of your own choice; with the same one a file that broke off goes on when it is sent again."""
    format: Format | None = None
    """That of content-type when left out: csv for text/csv, else jsonl."""
    position: int = Field(default=0, ge=0, le=2**53)
    """How many rows of the file come before the first one that is sent."""
    more: bool = False
    """Whether another part of the file follows in a request of its own."""


class ImportListQuery(GivenQuery):
    """Which imports are listed."""

    id: str = Field(default="", pattern=_ID)
    """That one alone."""


class ImportRoutes:
    """Plain functions, which run in threads, as those of KeyRoutes."""

    def __init__(self, imports: KeyImports) -> None:
        self._imports = imports
        self._seats = BoundedSemaphore(_AT_ONCE)

    def router(self) -> APIRouter:
        router = router_for("/v1", "keys")
        path = PATH.removeprefix("/v1")
        conflict, invalid = HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY
        router.add_api_route(
            path, self.take, methods=["POST"], responses=failures(conflict, invalid), openapi_extra=_BODY
        )
        router.add_api_route(path, self.find, methods=["GET"], responses=failures(invalid))
        return router

    def take(
        self,
        request: Request,
        query: Annotated[ImportQuery, Query()],
        caller: Caller,
        content_type: _ContentType = "",
    ) -> ImportBody:
        """Bring in keys that exist already: a file of JSON lines or CSV, each row with the key or its SHA-256.

        Rows that cannot be taken are refused, each with its reason, and the others become keys. What is done stays,
        however the request ends; send the same file again with the same `id` to go on.
        """
        if not self._seats.acquire(blocking=False):
            raise UnavailableError(f"{_AT_ONCE} imports are at work, which are the most: try again")
        try:
            read = READERS[query.format or ("csv" if _is_csv(content_type) else "jsonl")]
            importer = Importer(query.id or secrets.token_hex(8), caller.name, caller.tenant)
            rows = read(_chunks(request), caller, self._imports.clock())
            result = self._imports.take(importer, rows, position=query.position, more=query.more)
            _drain(request, stopped=result.stopped)
            return ImportBody.of(result)
        finally:
            self._seats.release()

    def find(self, query: Annotated[ImportListQuery, Query()], caller: Caller) -> ImportList:
        """List how far imports have come, the latest first: those for the tenant of the token, or for all tenants."""
        return ImportList(items=[ImportBody.of_state(one) for one in self._imports.find(caller.tenant, query.id)])


def _is_csv(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == "text/csv"


def _chunks(request: Request) -> Iterator[bytes]:
    """The body while it arrives. In a thread: the event loop fetches each part."""
    stream = request.stream()

    async def following() -> bytes | None:
        return await anext(stream, None)

    while True:
        try:
            chunk = anyio.from_thread.run(following)
        except ClientDisconnect:
            raise UnavailableError("the file broke off: send it again") from None
        if chunk is None:
            return
        yield chunk


def _drain(request: Request, *, stopped: bool) -> None:
    """Read what is left of a file: clients look at the answer after they have sent it all."""
    if stopped:
        for _ in _chunks(request):
            pass
