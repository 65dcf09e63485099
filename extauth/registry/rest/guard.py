"""The door of the API: no request gets past it without a valid token, too large or too slow.

It stands before FastAPI, which would read and judge the body of a stranger first. What whoever it lets in may do is
judged behind it, by `authorize`.
"""

import asyncio
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from extauth.registry.authentication import Authenticator, bearer_token
from extauth.registry.errors import FieldProblem, UnavailableError
from extauth.registry.failures import FailureLimit
from extauth.registry.identity import Identity
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.origin import ORIGIN, Network, Origin, client_address, network_of, printable
from extauth.registry.rest.problems import problem, unavailable
from extauth.registry.roles import PERMISSIONS
from extauth.telemetry.logs import logger

MAX_BODY_BYTES = 64 * 1024
LARGER_BODIES: Mapping[str, int] = {"/v1/leak-reports/github": 1024 * 1024}
"""Paths where more may come: an alert may be of many leaked keys, and is not repeated in smaller parts."""
STREAMED = frozenset({"/v1/keys:import"})
"""Paths whose bodies may be of any length: their routes read them part by part."""
BODY_DEADLINE = 10.0
"""Seconds for a whole body to arrive, or for the next part of one that is streamed."""
PAGES = "/docs/"
"""What is below it needs no token either: files that anybody may have."""

_OPEN_PATHS = frozenset(path for (_, path), permission in PERMISSIONS.items() if not permission.roles)
_log = logger(__name__)


class _ClientGoneError(Exception):
    pass


class Guard:
    """ASGI middleware. Leaves the identity behind the request in its `state`, and its origin in ORIGIN."""

    def __init__(
        self,
        app: ASGIApp,
        authenticator: Authenticator,
        failures: FailureLimit,
        metrics: RegistryMetrics,
        *,
        trusted_proxies: Sequence[Network] = (),
        body_deadline: float = BODY_DEADLINE,
    ) -> None:
        self._app = app
        self._authenticator = authenticator
        self._failures = failures
        self._metrics = metrics
        self._trusted_proxies = trusted_proxies
        self._body_deadline = body_deadline

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # nothing else is served
            return
        headers = Headers(scope=scope)
        origin = self._origin(scope, headers)
        ORIGIN.set(origin)  # each request is a task, and this its own copy
        if scope["path"] not in _OPEN_PATHS and not scope["path"].startswith(PAGES):
            identity = await self._identify(headers.get("authorization", ""), origin.address)
            if not isinstance(identity, Identity):
                await identity(scope, receive, send)
                return
            scope.setdefault("state", {})["identity"] = identity
        await self._pass(scope, receive, send)

    def _origin(self, scope: Scope, headers: Headers) -> Origin:
        peer = scope["client"][0] if scope.get("client") else ""
        forwarded_for = ",".join(headers.getlist("x-forwarded-for"))
        address = client_address(peer, forwarded_for, self._trusted_proxies)
        return Origin(address, printable(headers.get("user-agent", "")))

    async def _identify(self, authorization: str, address: str) -> Identity | JSONResponse:
        """Whose request it is, or the answer to it."""
        network = network_of(address)
        wait = self._failures.wait_for(network)
        if wait:
            self._metrics.refusals.labels("too_many_failures").inc()
            return _too_many_failures(wait)
        if not bearer_token(authorization):
            self._metrics.refusals.labels("no_token").inc()
            return _unauthorized()
        try:
            identity = await run_in_threadpool(self._authenticator.identify, authorization)
        except UnavailableError as error:
            return unavailable(error)
        if identity is None:
            self._failures.note(network)
            self._metrics.refusals.labels("invalid_token").inc()
            _log.warning("a token was refused", address=address)
            return _unauthorized()
        return identity

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in STREAMED:
            await self._app(scope, _paced(receive, self._body_deadline), send)
            return
        limit = LARGER_BODIES.get(scope["path"], MAX_BODY_BYTES)
        try:
            async with asyncio.timeout(self._body_deadline):
                body = await _read(receive, limit)
        except TimeoutError:
            await problem(HTTPStatus.REQUEST_TIMEOUT, "the body took too long")(scope, receive, send)
        except _ClientGoneError:
            return
        else:
            if body is None:
                detail = f"the body has more than {limit} bytes"
                await problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)(scope, receive, send)
            else:
                await self._app(scope, _replay(body, receive), send)


def _unauthorized() -> JSONResponse:
    error = FieldProblem("authorization", "has no valid admin token", "send `authorization: Bearer <admin token>`")
    return problem(
        HTTPStatus.UNAUTHORIZED, "no admin token that is valid here", [error], {"www-authenticate": "Bearer"}
    )


def _too_many_failures(wait: float) -> JSONResponse:
    error = FieldProblem("authorization", "was not valid too often from this address", "wait, and mend the token")
    headers = {"retry-after": str(math.ceil(wait))}
    return problem(HTTPStatus.TOO_MANY_REQUESTS, "too many requests without a valid token", [error], headers)


async def _read(receive: Receive, limit: int) -> bytes | None:
    """The whole body, or None when it is too large."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _ClientGoneError
        body += message.get("body", b"")
        if len(body) > limit:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def _paced(receive: Receive, deadline: float) -> Receive:
    """Give up a body of which nothing comes for so many seconds; afterwards one may wait for the client to leave."""
    is_complete = False

    async def paced() -> Message:
        nonlocal is_complete
        if is_complete:
            return await receive()
        try:
            async with asyncio.timeout(deadline):
                message = await receive()
        except TimeoutError:
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, "the body took too long") from None
        is_complete = not message.get("more_body", False)
        return message

    return paced


def _replay(body: bytes, receive: Receive) -> Receive:
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return first.pop() if first else await receive()

    return replay
