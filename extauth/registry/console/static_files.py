"""The style sheet, the script and the icon: files that anybody may have."""

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

_FOLDER = Path(__file__).parent / "static"
_FILES: Mapping[str, str] = {
    "console.css": "text/css",
    "console.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
"""Media types."""


async def static_file(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _FILES:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return FileResponse(_FOLDER / name, media_type=_FILES[name], headers={"cache-control": "no-cache"})
