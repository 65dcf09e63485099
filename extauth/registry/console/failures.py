"""Pages for what was refused, and for what we cannot do now."""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.responses import Response

from extauth.registry.console.view import render
from extauth.registry.console.visit import Visit
from extauth.registry.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    RegistryError,
    StaleError,
    UnavailableError,
)

_TITLES: Mapping[int, str] = {
    400: "That could not be read",
    403: "Not allowed",
    404: "Not here",
    405: "Not here",
    408: "Too slow",
    409: "Not possible now",
    413: "Too large",
    415: "That could not be read",
    422: "That could not be taken",
    500: "Our fault",
    503: "The database does not answer",
}


def refused(visit: Visit | None, error: RegistryError) -> Response:
    """The page for an error that the page itself did not deal with."""
    match error:
        case NotFoundError():
            text, remedy = f"There is no such {error.kind}, or it is not yours to see.", ""
            status = HTTPStatus.NOT_FOUND
        case ForbiddenError():
            status, text, remedy = HTTPStatus.FORBIDDEN, error.message, error.problem.remedy
        case ConflictError():
            status = HTTPStatus.CONFLICT
            text, remedy = f"The {error.kind} {error.problem.message}.", error.problem.remedy
        case StaleError():
            status, remedy = HTTPStatus.CONFLICT, "Open it anew to see how it is now"
            text = f"Somebody has changed this {error.kind} since you opened the page."
        case InvalidError():
            status = HTTPStatus.UNPROCESSABLE_ENTITY
            text, remedy = "; ".join(f"{one.field} {one.message}" for one in error.problems), error.problems[0].remedy
        case UnavailableError():
            status = HTTPStatus.SERVICE_UNAVAILABLE
            text, remedy = "Nothing was changed. Keys go on working.", "Wait a moment and reload the page."
        case _:
            raise error
    answer = problem_page(visit, status, _sentence(text), _sentence(remedy))
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        answer.headers["retry-after"] = "1"
    return answer


def http_refused(visit: Visit | None, error: HTTPException) -> Response:
    text = "There is no such page." if error.status_code in {404, 405} else error.detail
    return problem_page(visit, HTTPStatus(error.status_code), text)


def problem_page(visit: Visit | None, status: HTTPStatus, text: str, remedy: str = "") -> Response:
    title = _TITLES.get(status, status.phrase)
    return render(visit, "problem.html", status, title=title, text=text, remedy=remedy, number=int(status))


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return f"{text}." if text and text[-1] not in ".!?" else text
