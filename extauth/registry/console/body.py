"""Reading a form as browsers send it: not too much of it, and not too slowly."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

from extauth.registry.rest.guard import BODY_DEADLINE, MAX_BODY_BYTES

_MEDIA_TYPE = "application/x-www-form-urlencoded"
_MAX_FIELDS = 100


async def read_form(request: Request, deadline: float = BODY_DEADLINE) -> Mapping[str, str]:
    """The fields, the last of each name; HTTPException for what is no form, too large or too slow."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _MEDIA_TYPE:
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "That was not a form of this console.")
    try:
        async with asyncio.timeout(deadline):
            body = await _read(request)
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS))
    except TimeoutError:
        raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, "The form took too long to arrive.") from None
    except ValueError:  # no UTF-8, or too many fields
        raise HTTPException(HTTPStatus.BAD_REQUEST, "That was not a form of this console.") from None


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A form may have {MAX_BODY_BYTES} bytes at most.")
    return bytes(body)
