"""The ASGI application: the guard, the routes, and what a cluster asks for."""

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from types import MappingProxyType

from fastapi import APIRouter, FastAPI, Response
from fastapi.middleware import Middleware
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from extauth.registry.authorization import AdminToken
from extauth.registry.database import Database
from extauth.registry.rest import problems
from extauth.registry.rest.guard import Guard


def create_app(
    routers: Sequence[APIRouter],
    database: Database,
    token: AdminToken,
    metrics: CollectorRegistry,
    components: Mapping[str, Callable[[], str | None]] = MappingProxyType({}),
) -> FastAPI:
    """`metrics` is what GET /metrics shows; `components` tell what is wrong with them, or None."""
    app = FastAPI(
        title="extauth registry",
        version=version("extauth"),
        docs_url=None,  # the pages of FastAPI load scripts from a CDN
        redoc_url=None,
        redirect_slashes=False,
        middleware=[Middleware(Guard, token=token)],
    )
    problems.install(app)
    for router in routers:
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
        return Response(generate_latest(metrics), media_type=CONTENT_TYPE_LATEST)

    return app
