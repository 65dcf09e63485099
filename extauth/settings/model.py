"""From a settings file to a frozen model: all problems at once, each with its line, field and remedy."""

import dataclasses
import difflib
import typing
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from extauth.settings.problems import Problem, SettingsError
from extauth.settings.source import FieldPath, Source


class Settings(BaseModel):
    """Base of all settings: unknown fields are refused, values never change, docstrings become the schema's text."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


ModelT = TypeVar("ModelT", bound=Settings)


def load(model: type[ModelT], path: Path) -> ModelT:
    """Read `path` as `model`; SettingsError with every problem of the file."""
    return validate(model, Source.read(path))


def validate(model: type[ModelT], source: Source) -> ModelT:
    if not isinstance(source.data, dict):
        raise SettingsError([source.problem((), "must be a mapping of fields")])
    try:
        return model.model_validate(source.data)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=True)
        raise SettingsError(_merged([_problem(model, source, detail) for detail in _causes(details)])) from None


def _merged(problems: list[Problem]) -> list[Problem]:
    """One problem for each field: a field that takes several types has a complaint from each of them."""
    merged: dict[tuple[str, str], Problem] = {}
    for problem in problems:
        key = (problem.field, problem.remedy)
        if key in merged:
            problem = dataclasses.replace(problem, message=f"{merged[key].message}, or: {problem.message}")  # noqa: PLW2901
        merged[key] = problem
    return list(merged.values())


def _causes(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without the lists that are too short only because of faults in their items."""
    return [
        detail
        for detail in details
        if detail["type"] != "too_short"
        or not any(other["loc"][: len(detail["loc"])] == detail["loc"] for other in details if other is not detail)
    ]


def _problem(model: type[BaseModel], source: Source, detail: ErrorDetails) -> Problem:
    path = _path_in_file(source.data, detail["loc"])
    message = detail["msg"].removeprefix("Value error, ")
    remedy = ""
    if detail["type"] == "extra_forbidden":
        message, remedy = "is not a setting", _suggestion(model, path)
    elif detail["type"] == "missing":
        message, remedy = "is required", "add it"
        path = (*path, str(detail["loc"][-1])) if not path or path[-1] != detail["loc"][-1] else path
    if ": use " in message:  # validators of our own say "what is wrong: use ..."
        message, _, rest = message.partition(": use ")
        remedy = f"use {rest}"
    return source.problem(path, message, remedy)


def _path_in_file(data: Any, location: tuple[int | str, ...]) -> FieldPath:  # noqa: ANN401 (data of any shape)
    """Drop the parts of pydantic's location that name a member of a union and not a field of the file."""
    path: list[str | int] = []
    for part in location:
        is_item = isinstance(data, list) and isinstance(part, int) and part < len(data)
        if not is_item and not (isinstance(data, dict) and part in data):
            continue
        data = data[part]
        path.append(part if is_item else str(part))
    return tuple(path)


def _suggestion(model: type[BaseModel], path: FieldPath) -> str:
    names = _fields_at(model, path[:-1])
    close = difflib.get_close_matches(str(path[-1]), names, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(sorted(names))}"


def _fields_at(model: type[BaseModel], path: FieldPath) -> list[str]:
    models: list[type[BaseModel]] = [model]
    for part in path:
        if isinstance(part, str):
            fields = [found.model_fields[part].annotation for found in models if part in found.model_fields]
            models = [inner for annotation in fields for inner in _models_in(annotation)]
    return [name for found in models for name in found.model_fields]


def _models_in(annotation: Any) -> list[type[BaseModel]]:  # noqa: ANN401 (any annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for inner in typing.get_args(annotation) for found in _models_in(inner)]
