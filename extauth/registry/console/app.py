"""The console as an ASGI application: everything below /console."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from extauth.registry import roles
from extauth.registry.console import forgery
from extauth.registry.console.body import read_form
from extauth.registry.console.failures import http_refused, problem_page, refused
from extauth.registry.console.headers import ConsoleHeaders
from extauth.registry.console.session import Session, Sessions
from extauth.registry.console.session_cookie import COOKIES
from extauth.registry.console.static_files import static_file
from extauth.registry.console.visit import Visit
from extauth.registry.errors import RegistryError
from extauth.registry.origin import ORIGIN, Network, Origin, client_address, is_in, printable

SIGN_IN = "/console/sign-in"
Handler = Callable[[Visit], Response]
"""Makes a page, in a thread; may raise any RegistryError."""


@dataclass(frozen=True, slots=True)
class Page:
    """What is done at a path, and the operation of the REST API that one must be allowed for it; None: no sign-in."""

    method: str
    path: str
    handler: Handler
    operation: tuple[str, str] | None


class Console:
    """Decides on each visit before a page sees it."""

    def __init__(self, pages: Sequence[Page], sessions: Sessions, trusted_proxies: Sequence[Network]) -> None:
        self._pages = pages
        self._sessions = sessions
        self._trusted_proxies = trusted_proxies

    def app(self) -> ASGIApp:
        routes: list[BaseRoute] = [
            Route(page.path, self._endpoint(page), methods=[page.method]) for page in self._pages
        ]
        routes.append(Route("/console/static/{name}", static_file, methods=["GET"]))
        routes += [Route(path, _to_keys, methods=["GET"]) for path in ("/", "/console", "/console/")]
        app = Starlette(routes=routes, exception_handlers={HTTPException: _http_error, Exception: _fault})
        app.router.redirect_slashes = False
        return ConsoleHeaders(app)

    def _endpoint(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            visit = self._arrival(request)
            try:
                found = await run_in_threadpool(self._session, request)
                visit = Visit(request, visit.address, visit.over_tls, found)
                if page.operation is not None and found is None:
                    return _to_sign_in(request)
                visit = await self._with_form(visit)
                if page.operation is not None:
                    roles.check(visit.identity, roles.PERMISSIONS[page.operation])
                return await run_in_threadpool(page.handler, visit)
            except ClientDisconnect:
                return Response(status_code=HTTPStatus.BAD_REQUEST)
            except HTTPException as error:
                return http_refused(visit, error)
            except RegistryError as error:
                return refused(visit, error)

        return endpoint

    def _arrival(self, request: Request) -> Visit:
        headers = request.headers
        peer = request.client.host if request.client else ""
        address = client_address(peer, ",".join(headers.getlist("x-forwarded-for")), self._trusted_proxies)
        ORIGIN.set(Origin(address, printable(headers.get("user-agent", ""))))  # each request is a task of its own
        by_proxy = headers.get("x-forwarded-proto", "") == "https" and is_in(peer, self._trusted_proxies)
        return Visit(request, address, by_proxy or request.url.scheme == "https")

    def _session(self, request: Request) -> Session | None:
        for name in COOKIES:
            found = self._sessions.of(request.cookies.get(name, ""))
            if found is not None:
                return found
        return None

    async def _with_form(self, visit: Visit) -> Visit:
        request = visit.request
        if request.method != "POST":
            return visit
        forgery.check_site(request.headers)
        form = await read_form(request)
        if visit.found is not None:
            forgery.check_token(visit.found, form)
        return Visit(request, visit.address, visit.over_tls, visit.found, form)


def _to_sign_in(request: Request) -> Response:
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    wanted = f"?next={quote(path, safe='')}" if request.method in {"GET", "HEAD"} else "?ended=1"
    if "hx-request" in request.headers:  # htmx would put the page of signing in where a part of another was
        return Response(headers={"hx-redirect": SIGN_IN + wanted})
    return RedirectResponse(SIGN_IN + wanted, HTTPStatus.SEE_OTHER)


async def _to_keys(_request: Request) -> Response:
    return RedirectResponse("/console/keys", HTTPStatus.SEE_OTHER)


async def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return http_refused(None, error)


async def _fault(_request: Request, _error: Exception) -> Response:
    return problem_page(None, HTTPStatus.INTERNAL_SERVER_ERROR, "The log of the registry says what went wrong.")
