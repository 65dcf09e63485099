"""Every error of the API as application/problem+json (RFC 9457), with the fields to mend in `errors`."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from extauth.registry import roles
from extauth.registry.errors import (
    ConflictError,
    FieldProblem,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    StaleError,
    UnavailableError,
)
from extauth.settings.source import dotted

MEDIA_TYPE = "application/problem+json"
_LONGEST_NAME = 32  # characters, of a field
_SHOWN = 8
_PLACES = {"body", "query", "path", "header"}
_TEXT = {"type": "string"}

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "description": "An error (RFC 9457).",
    "required": ["type", "title", "status", "detail", "errors"],
    "properties": {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "errors": {
            "type": "array",
            "description": "What is wrong with each field, and how to mend it.",
            "items": {
                "type": "object",
                "required": ["field", "message", "remedy"],
                "properties": {"field": _TEXT, "message": _TEXT, "remedy": _TEXT},
            },
        },
    },
}
"""`Problem` among the schemas of OpenAPI."""


def response(description: str) -> dict[str, Any]:
    """An answer of OpenAPI that is a problem."""
    return {"description": description, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


RESPONSES: dict[int | str, dict[str, Any]] = {"default": response("Any other error")}
"""For OpenAPI, of every route; `openapi` adds those that follow from what the route takes."""


def problem(
    status: HTTPStatus,
    detail: str,
    errors: Sequence[FieldProblem] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    content = {
        "type": "about:blank",
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
        "errors": [{"field": error.field, "message": error.message, "remedy": error.remedy} for error in errors],
    }
    return JSONResponse(content, status, headers, MEDIA_TYPE)


def unavailable(error: UnavailableError) -> JSONResponse:
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error), headers={"retry-after": "1"})


def install(app: FastAPI) -> None:
    """Answer each kind of error by its one problem."""
    app.add_exception_handler(InvalidError, _invalid)
    app.add_exception_handler(ForbiddenError, _forbidden)
    app.add_exception_handler(NotFoundError, _not_found)
    app.add_exception_handler(ConflictError, _conflict)
    app.add_exception_handler(StaleError, _stale)
    app.add_exception_handler(UnavailableError, _unavailable)
    app.add_exception_handler(RequestValidationError, _misshapen)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _fault)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, InvalidError)
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "some fields cannot be taken as they are", error.problems)


async def _forbidden(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ForbiddenError)
    headers = {"www-authenticate": 'Bearer error="insufficient_scope"'}
    return problem(HTTPStatus.FORBIDDEN, error.message, [error.problem], headers)


async def _not_found(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, NotFoundError)
    return problem(HTTPStatus.NOT_FOUND, f"no {error.kind} has this id", [error.problem])


async def _conflict(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ConflictError)
    return problem(HTTPStatus.CONFLICT, f"the {error.kind} {error.problem.message}", [error.problem])


async def _stale(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, StaleError)
    headers = {"etag": f'"{error.revision}"'}
    return problem(HTTPStatus.PRECONDITION_FAILED, f"the {error.kind} has changed", [error.problem], headers)


async def _unavailable(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, UnavailableError)
    return unavailable(error)


async def _misshapen(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [field_problem(detail) for detail in error.errors()]
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "some fields cannot be taken as they are", errors)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    headers = error.headers
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:  # the router names those of one route only
        headers = {"allow": ", ".join(roles.methods_of(request.url.path))}
    return problem(HTTPStatus(error.status_code), error.detail, headers=headers)


async def _fault(_request: Request, _error: Exception) -> JSONResponse:
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "a fault of the registry's own: see its log")


def _short(part: str | int) -> str | int:
    """A name that is longer than any of ours may be a key, sent in the wrong place: answers are logged by proxies."""
    return f"{part[:_SHOWN]}..." if isinstance(part, str) and len(part) > _LONGEST_NAME else part


def field_problem(detail: Mapping[str, Any]) -> FieldProblem:
    """One of pydantic's errors; what was sent is not repeated, since it may be a secret in the wrong place."""
    path = detail["loc"][1:] if detail["loc"][0] in _PLACES else detail["loc"]
    field = dotted(tuple(map(_short, path))).encode(errors="replace").decode()
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "json_invalid":
        return FieldProblem("", "the body is not JSON", "send a JSON object")
    if not path:
        return FieldProblem("", "the body is not a JSON object", "send one, with content-type: application/json")
    if detail["type"] == "missing":
        return FieldProblem(field, "is required", "add it")
    if detail["type"] == "extra_forbidden":
        return FieldProblem(field, "is not known here", "leave it out")
    message, _, remedy = message.partition(": use ")
    return FieldProblem(field, message, f"use {remedy}" if remedy else "see /openapi.json")
