"""Turning templates into answers. Everything is escaped unless a template says otherwise, and none does."""

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from extauth.registry import times
from extauth.registry.console import words
from extauth.registry.console.visit import Visit
from extauth.registry.errors import FieldProblem
from extauth.registry.rest.limit_bodies import rate_text


class Place(NamedTuple):
    """An entry of the navigation, there for who may do the operation."""

    title: str
    address: str
    method: str
    operation: str
    making: str = ""
    """The address at which such a thing is made, where that is not below the other."""


PLACES = (
    Place("Keys", "/console/keys", "GET", "/v1/keys"),
    Place("Usage", "/console/usage", "GET", "/v1/usage"),
    Place("Tenants", "/console/tenants", "GET", "/v1/tenants", "/console/new-tenant"),
    Place("Plans", "/console/plans", "GET", "/v1/plans", "/console/new-plan"),
    Place("Health", "/console/health", "GET", "/v1/keys/health"),
    Place("Audit", "/console/audit", "GET", "/v1/audit"),
)

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters |= {
    "moment": words.moment,
    "day": words.day,
    "hour": words.hour,
    "distance": words.distance,
    "short": words.short,
    "digits": words.digits,
    "full": words.full,
    "share": words.share,
    "seconds": words.seconds,
    "rfc3339": times.to_rfc3339,
}
_templates.globals |= {"rate_text": rate_text}


def render(visit: Visit | None, template: str, status: HTTPStatus = HTTPStatus.OK, **values: Any) -> HTMLResponse:  # noqa: ANN401 (each template has its own)
    """A page for `visit`; with None, or before signing in, one without the navigation."""
    session = None if visit is None else visit.found
    places = [] if visit is None or session is None else [p for p in PLACES if visit.may(p.method, p.operation)]
    path = "" if visit is None else visit.request.url.path
    common = {"session": session, "visit": visit, "places": places, "path": path, "now": times.now()}
    return HTMLResponse(_templates.get_template(template).render(common | values), status)


def by_field(problems: tuple[FieldProblem, ...]) -> Mapping[str, FieldProblem]:
    """The first problem of each field; what is wrong with an item of a list is with the list."""
    found: dict[str, FieldProblem] = {}
    for problem in problems:
        found.setdefault(problem.field.partition("[")[0].partition(".")[0], problem)
    return found
