"""The ASGI application: the guard, the routes, and what a cluster asks for."""

from importlib.metadata import version

from fastapi import FastAPI, Response
from fastapi.middleware import Middleware
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from extauth.registry.authorization import AdminToken
from extauth.registry.database import Database
from extauth.registry.operations import KeyRegistry
from extauth.registry.rest import problems
from extauth.registry.rest.guard import Guard
from extauth.registry.rest.routes import KeyRoutes
from extauth.registry.rest.token_routes import TokenRoutes
from extauth.registry.token_operations import TokenRegistry


def create_app(
    registry: KeyRegistry, tokens: TokenRegistry, database: Database, token: AdminToken, metrics: CollectorRegistry
) -> FastAPI:
    """`metrics` is what GET /metrics shows."""
    app = FastAPI(
        title="extauth registry",
        version=version("extauth"),
        docs_url=None,  # the pages of FastAPI load scripts from a CDN
        redoc_url=None,
        redirect_slashes=False,
        middleware=[Middleware(Guard, token=token)],
    )
    problems.install(app)
    for routes in (KeyRoutes(registry), TokenRoutes(tokens)):
        app.include_router(routes.router())

    @app.get("/healthz", tags=["health"])
    async def healthz() -> dict[str, str]:
        """Tell that the process lives; a coroutine, so that it answers while all threads wait for the database."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["health"], responses=problems.RESPONSES)
    def readyz() -> dict[str, str]:
        """Tell whether the database answers."""
        database.ping()
        return {"status": "ready"}

    @app.get("/metrics", tags=["health"], response_class=Response)
    def metrics_page() -> Response:
        """Prometheus text format."""
        return Response(generate_latest(metrics), media_type=CONTENT_TYPE_LATEST)

    return app
