"""The routes on leaked keys: where GitHub reports them, and what was reported."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from extauth.registry.errors import FieldProblem, ForbiddenError, InvalidError
from extauth.registry.leak_signatures import Signatures, is_signed
from extauth.registry.leaks import LeakReports
from extauth.registry.rest.leak_bodies import MATCHES, FeedbackBody, LeakPageBody, LeakQuery, MatchBody
from extauth.registry.rest.problems import RESPONSES
from extauth.registry.rest.routing import Caller, failures, router_for

GITHUB = "github"


async def _raw(request: Request) -> bytes:
    """What is signed is the body as it came."""
    return await request.body()


_Body = Annotated[bytes, Depends(_raw)]
_OPENAPI: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "array", "items": MatchBody.model_json_schema()}}},
    }
}

_REFUSALS: dict[int | str, dict[str, Any]] = {
    status.value: {"description": description, "content": RESPONSES["default"]["content"]}
    for status, description in (
        (HTTPStatus.FORBIDDEN, "It is not signed by GitHub"),
        (HTTPStatus.NOT_FOUND, "Reports of GitHub are off"),
        (HTTPStatus.REQUEST_TIMEOUT, "The body took too long"),
        (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large"),
        (HTTPStatus.SERVICE_UNAVAILABLE, "It cannot be judged or carried out now, or not in time: send it again"),
    )
}


class LeakRoutes:
    """Plain functions, which run in threads, as those of KeyRoutes. Without `keys` GitHub's reports are off."""

    def __init__(self, leaks: LeakReports, keys: Signatures | None) -> None:
        self._leaks = leaks
        self._keys = keys

    def router(self) -> APIRouter:
        router = router_for("/v1/leak-reports", "leaks")
        invalid = failures(HTTPStatus.UNPROCESSABLE_ENTITY)
        router.add_api_route("", self.find, methods=["GET"], responses=invalid)
        router.add_api_route(
            f"/{GITHUB}",
            self.report,
            methods=["POST"],
            openapi_extra=_OPENAPI,
            responses=invalid | _REFUSALS,
        )
        return router

    def find(self, query: Annotated[LeakQuery, Query()], caller: Caller) -> LeakPageBody:
        """List keys that were found in the open, newest first."""
        tenant = caller.narrow(query.tenant)
        return LeakPageBody.of(self._leaks.find(query.limit, tenant=tenant, key_id=query.key, cursor=query.cursor))

    def report(
        self,
        body: _Body,
        key_id: Annotated[str, Header(alias="github-public-key-identifier", max_length=128)] = "",
        signature: Annotated[str, Header(alias="github-public-key-signature", max_length=512)] = "",
    ) -> list[FeedbackBody]:
        """Take an alert of GitHub's secret scanning: revoke those that are keys of ours, and tell which are.

        Needs no token: it is signed by GitHub. Sent again, it changes nothing.
        """
        if self._keys is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "reports of GitHub are off: see leak_reports in the settings")
        if not is_signed(body, key_id, signature, self._keys):
            raise ForbiddenError("the report is not signed by GitHub", "sign the body as it is sent")
        matches = _matches(body)
        ours = self._leaks.report(GITHUB, [match.found() for match in matches])
        return [FeedbackBody.of(match, is_ours=is_ours) for match, is_ours in zip(matches, ours, strict=True)]


def _matches(body: bytes) -> list[MatchBody]:
    try:
        return MATCHES.validate_json(body)
    except ValidationError:  # what it says may hold a token
        problem = FieldProblem("", "is not a list of matches", "send [{token, type, url, source}, ...]")
        raise InvalidError([problem]) from None
