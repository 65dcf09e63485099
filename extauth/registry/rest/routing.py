"""What all routes have in common: who asks, and how they may fail."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.security import HTTPBearer

from extauth.registry.identity import Identity
from extauth.registry.rest.problems import RESPONSES


def identity_of(request: Request) -> Identity:
    """Who asks, as the guard has found out."""
    identity = request.state.identity
    assert isinstance(identity, Identity)
    return identity


Caller = Annotated[Identity, Depends(identity_of)]
"""A parameter of routes that need to know who asks."""


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
