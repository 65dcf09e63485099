"""The door of the API: no request gets past it without the admin token, too large or too slow.

It stands before FastAPI, which would read and judge the body of a stranger first.
"""

import asyncio
from http import HTTPStatus

from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from extauth.registry.authorization import AdminToken
from extauth.registry.errors import FieldProblem
from extauth.registry.rest.problems import problem

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics", "/openapi.json"})
"""Need no token: they show and change no key."""
MAX_BODY_BYTES = 64 * 1024
BODY_DEADLINE = 10.0
"""Seconds for a whole body to arrive."""


class _ClientGoneError(Exception):
    pass


class Guard:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, token: AdminToken, body_deadline: float = BODY_DEADLINE) -> None:
        self._app = app
        self._token = token
        self._body_deadline = body_deadline

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # nothing else is served
            return
        if scope["path"] not in OPEN_PATHS and not self._token.accepts(Headers(scope=scope).get("authorization", "")):
            await _unauthorized()(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._body_deadline):
                body = await _read(receive)
        except TimeoutError:
            await problem(HTTPStatus.REQUEST_TIMEOUT, "the body took too long")(scope, receive, send)
        except _ClientGoneError:
            return
        else:
            if body is None:
                detail = f"the body has more than {MAX_BODY_BYTES} bytes"
                await problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)(scope, receive, send)
            else:
                await self._app(scope, _replay(body, receive), send)


def _unauthorized() -> JSONResponse:
    error = FieldProblem("authorization", "has no valid admin token", "send `authorization: Bearer <admin token>`")
    return problem(
        HTTPStatus.UNAUTHORIZED, "no admin token that is valid here", [error], {"www-authenticate": "Bearer"}
    )


async def _read(receive: Receive) -> bytes | None:
    """The whole body, or None when it is too large."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _ClientGoneError
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return first.pop() if first else await receive()

    return replay
