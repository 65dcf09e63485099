"""/openapi.json, /openapi.yaml and /docs: the description of the API, and Swagger UI to read and try it.

Swagger UI is served from files of our own, and runs under a policy that allows no other ones.
"""

from collections.abc import Mapping
from pathlib import Path

import yaml
from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse, JSONResponse, Response

from extauth.registry.errors import NotFoundError

_STATIC = Path(__file__).parent.parent / "static"
_FILES: Mapping[str, tuple[str, str]] = {
    "swagger-ui.css": ("vendor/swagger-ui.css", "text/css"),
    "swagger-ui-bundle.js": ("vendor/swagger-ui-bundle.js", "text/javascript"),
    "docs.js": ("docs.js", "text/javascript"),
}
"""Names below /docs: file and media type."""
_HEADERS = {
    "cache-control": "no-cache",
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}


def router(app: FastAPI) -> APIRouter:
    """The routes, which describe `app` as it is when they are first asked."""
    routes = APIRouter(tags=["documentation"])

    @routes.get("/openapi.json")
    async def openapi_json() -> JSONResponse:
        """Describe the API, as JSON."""
        return JSONResponse(app.openapi())

    @routes.get("/openapi.yaml", response_class=Response)
    def openapi_yaml() -> Response:
        """Describe the API, as YAML."""
        text = yaml.safe_dump(app.openapi(), sort_keys=False, allow_unicode=True, width=120)
        return Response(text, media_type="application/yaml")

    @routes.get("/docs", include_in_schema=False)
    def docs() -> FileResponse:
        """Show Swagger UI."""
        return FileResponse(_STATIC / "docs.html", media_type="text/html", headers=_HEADERS)

    @routes.get("/docs/{name}", include_in_schema=False)
    def docs_file(name: str) -> FileResponse:
        """Give a file that the page needs."""
        if name not in _FILES:
            raise NotFoundError("file")
        path, media_type = _FILES[name]
        return FileResponse(_STATIC / path, media_type=media_type, headers=_HEADERS)

    return routes
