"""What all routes have in common."""

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Depends
from fastapi.security import HTTPBearer

from extauth.registry.rest.problems import RESPONSES

ACTOR = "admin-token"
"""Whoever holds the token; a header that names somebody would be only a claim."""


def router_for(prefix: str, tag: str) -> APIRouter:
    """A router below `prefix`. The guard has checked the token by then; the scheme stands here for OpenAPI."""
    return APIRouter(
        prefix=prefix, tags=[tag], responses=RESPONSES, dependencies=[Depends(HTTPBearer(auto_error=False))]
    )


_FAILURES = {
    HTTPStatus.NOT_FOUND: "Nothing has this id",
    HTTPStatus.CONFLICT: "Its state, or that of something else, rules this out; `errors` says which and what to do",
    HTTPStatus.PRECONDITION_FAILED: "It has another ETag by now than those in If-Match",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Some fields cannot be taken as they are; `errors` names all of them",
}


def failures(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """For OpenAPI: how an operation may fail, apart from how all of them may."""
    content = RESPONSES["default"]["content"]
    return {status.value: {"description": _FAILURES[status], "content": content} for status in statuses}
