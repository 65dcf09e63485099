"""What a form says of an error: marks beside fields, or a notice above them. What was typed stays in the form."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple

from extauth.registry.console.view import by_field
from extauth.registry.errors import ConflictError, FieldProblem, InvalidError, StaleError


class Faults(NamedTuple):
    """What is wrong with a form; nothing, before it is sent."""

    status: HTTPStatus = HTTPStatus.OK
    problems: Mapping[str, FieldProblem] = {}
    """By field."""
    conflict: str = ""
    """What stands in the way, when that is no field."""


NO_FAULTS = Faults()


def faults_of(error: InvalidError | ConflictError | StaleError, renamed: Mapping[str, str] | None = None) -> Faults:
    """`renamed` has the names in the form of fields that are called otherwise there."""
    if isinstance(error, InvalidError):
        names = renamed or {}
        problems = {names.get(field, field): problem for field, problem in by_field(error.problems).items()}
        return Faults(HTTPStatus.UNPROCESSABLE_ENTITY, problems)
    if isinstance(error, StaleError):
        text = f"Somebody has changed this {error.kind} since you opened the page. Open it anew to see how it is now."
        return Faults(HTTPStatus.CONFLICT, {}, text)
    return Faults(HTTPStatus.CONFLICT, {}, f"The {error.kind} {error.problem.message}: {error.problem.remedy}.")
