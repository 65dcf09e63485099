"""The style sheet, the scripts and the icon: files that anybody may have. `vendor/vendor.json` says whose some are."""

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

_FOLDER = Path(__file__).parent / "static"
_FILES: Mapping[str, tuple[str, str]] = {
    "console.css": ("console.css", "text/css"),
    "charts.css": ("charts.css", "text/css"),
    "console.js": ("console.js", "text/javascript"),
    "charts.js": ("charts.js", "text/javascript"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
    "htmx.js": ("vendor/htmx.js", "text/javascript"),
    "uPlot.js": ("vendor/uPlot.js", "text/javascript"),
    "uPlot.css": ("vendor/uPlot.css", "text/css"),
}
"""By name: file and media type."""


async def static_file(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _FILES:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    path, media_type = _FILES[name]
    return FileResponse(_FOLDER / path, media_type=media_type, headers={"cache-control": "no-cache"})
