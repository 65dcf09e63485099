"""The Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header) of routes that make something."""

import hashlib
from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Request, Response

from extauth.registry.idempotency import HEADER, IdempotentAnswers, Repeatable
from extauth.registry.rest.routing import identity_of
from extauth.registry.rest.shapes import ShownBody

REPLAYED = "idempotent-replayed"
"""A header of answers that were given before."""
BodyT = TypeVar("BodyT", bound=ShownBody)
_DESCRIPTION = (
    "Any text of your own, best a UUID. The same request with the same key within 24 hours gets the same answer again,"
    " secret and all, and is not done again. Another request with the same key is refused."
)


class Once:
    """Does the work of one request, or finds its answer."""

    def __init__(self, answers: IdempotentAnswers, request: Repeatable | None, response: Response) -> None:
        self._answers = answers
        self._request = request
        self._response = response

    def do(self, body_type: type[BodyT], work: Callable[[], BodyT]) -> BodyT:
        """The body that `work` makes, or made when this request came before."""
        if self._request is None:
            return work()
        answer, is_earlier = self._answers.once(self._request, lambda: work().model_dump_json().encode())
        if is_earlier:
            self._response.headers[REPLAYED] = "true"
        return body_type.model_validate_json(answer)


async def _once(
    request: Request,
    response: Response,
    key: Annotated[
        str | None, Header(alias=HEADER, min_length=1, max_length=255, pattern="^[ -~]*$", description=_DESCRIPTION)
    ] = None,
) -> Once:
    answers: IdempotentAnswers = request.app.state.answers
    if key is None:
        return Once(answers, None, response)
    said = hashlib.sha256(f"{request.method} {request.url.path}\n".encode() + await request.body())
    return Once(answers, Repeatable(identity_of(request).name, key, said.digest()), response)


Idempotent = Annotated[Once, Depends(_once)]
"""A parameter of routes that make something, which a request that is sent twice must not make twice."""
