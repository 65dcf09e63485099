"""The routes on usage: page by page, or all of it as a file."""

import dataclasses
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse
from starlette.requests import Request

from extauth.registry.ledger import Ledger
from extauth.registry.rest.routing import Caller, router_for
from extauth.registry.rest.usage_bodies import Format, UsageExportQuery, UsagePageBody, UsageQuery
from extauth.registry.rest.usage_export import MEDIA_TYPES, WRITERS, as_csv

_Accept = Annotated[str, Header(include_in_schema=False)]
_CSV: dict[str, Any] = {"text/csv": {"schema": {"type": "string"}}}
_PAGE: dict[int | str, dict[str, Any]] = {200: {"description": "Some usage, newest first", "content": _CSV}}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "All of the usage, newest first",
        "content": {**_CSV, "application/json": {"schema": {"type": "array", "items": {"type": "object"}}}},
    }
}


class UsageRoutes:
    """Plain functions, which run in threads, as those of KeyRoutes."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def router(self) -> APIRouter:
        router = router_for("/v1/usage", "usage")
        router.add_api_route(
            "",
            self.find,
            methods=["GET"],
            response_model=UsagePageBody,
            response_model_exclude_none=True,
            responses=_PAGE,
        )
        router.add_api_route("/export", self.export, methods=["GET"], response_class=StreamingResponse, responses=_FILE)
        return router

    def find(
        self, request: Request, query: Annotated[UsageQuery, Query()], caller: Caller, accept: _Accept = ""
    ) -> UsagePageBody | Response:
        """List checks by key, API and hour, or as asked for, newest first.

        As CSV, the header `link` names the next page.
        """
        wanted = dataclasses.replace(query.filter(), tenant=caller.narrow(query.tenant))
        page = self._ledger.find(wanted, query.limit, query.cursor)
        if _format(query.format, accept) == "json":
            return UsagePageBody.of(page)
        response = Response("".join(as_csv(page.scope, [page.items])), media_type=MEDIA_TYPES["csv"])
        if page.next_cursor:
            following = request.url.include_query_params(cursor=page.next_cursor)
            response.headers["link"] = f'<{following.path}?{following.query}>; rel="next"'
        return response

    def export(
        self, query: Annotated[UsageExportQuery, Query()], caller: Caller, accept: _Accept = ""
    ) -> StreamingResponse:
        """Show all checks at once, as a file in CSV or JSON.

        Should the registry fail on the way, the answer breaks off: it is then no complete HTTP message.
        """
        wanted = dataclasses.replace(query.filter(), tenant=caller.narrow(query.tenant))
        scope, parts = self._ledger.export(wanted)
        form = _format(query.format, accept)
        headers = {"content-disposition": f'attachment; filename="usage.{form}"'}
        return StreamingResponse(WRITERS[form](scope, parts), media_type=MEDIA_TYPES[form], headers=headers)


def _format(asked: Format | None, accept: str) -> Format:
    return asked or ("csv" if accept.partition(";")[0].strip().lower().startswith("text/csv") else "json")
