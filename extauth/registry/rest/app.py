"""The ASGI application: the guard, the routes, and what a cluster asks for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from types import MappingProxyType

from fastapi import APIRouter, Depends, FastAPI, Response
from fastapi.middleware import Middleware
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from extauth.registry.authentication import Authenticator
from extauth.registry.database import Database
from extauth.registry.failures import FailureLimit
from extauth.registry.idempotency import IdempotentAnswers
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.origin import Network
from extauth.registry.rest import docs_pages, problems
from extauth.registry.rest.authorize import Authorize
from extauth.registry.rest.guard import Guard
from extauth.registry.rest.openapi import Api


@dataclass(frozen=True, slots=True)
class Door:
    """What decides on whether a request gets in, and on whether it came before."""

    authenticator: Authenticator
    failures: FailureLimit
    answers: IdempotentAnswers
    trusted_proxies: Sequence[Network] = ()


def create_app(
    routers: Sequence[APIRouter],
    database: Database,
    door: Door,
    metrics: RegistryMetrics,
    components: Mapping[str, Callable[[], str | None]] = MappingProxyType({}),
) -> FastAPI:
    """GET /metrics shows all series beside `metrics`; `components` tell what is wrong with them, or None."""
    guard = Middleware(
        Guard,
        authenticator=door.authenticator,
        failures=door.failures,
        metrics=metrics,
        trusted_proxies=door.trusted_proxies,
    )
    app = Api(
        title="extauth registry",
        version=version("extauth"),
        openapi_url=None,  # `docs_pages` serves it, and its pages: those of FastAPI load scripts from a CDN
        redirect_slashes=False,
        middleware=[guard],
        dependencies=[Depends(Authorize(database))],
    )
    app.state.answers = door.answers
    problems.install(app)
    for router in (*routers, docs_pages.router(app)):
        app.include_router(router)

    @app.get("/healthz", tags=["health"])
    async def healthz() -> dict[str, str]:
        """Tell that the process lives; a coroutine, so that it answers while all threads wait for the database."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["health"], responses=problems.RESPONSES)
    def readyz() -> dict[str, str]:
        """Tell whether the database answers; and how the parts are without which it can answer still."""
        database.ping()
        return {"status": "ready", **{name: fault() or "ok" for name, fault in components.items()}}

    @app.get("/metrics", tags=["health"], response_class=Response)
    def metrics_page() -> Response:
        """Prometheus text format."""
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return app
