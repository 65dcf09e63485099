"""The forms that a log may have: each gives the texts of a line by field."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from extauth.simulate.envoy_format import USUAL_FORMATS, pattern_of
from extauth.simulate.errors import BadLineError, LogError
from extauth.simulate.fields import Names

Format = Literal["csv", "json", "envoy"]
FORMATS: tuple[Format, ...] = ("csv", "json", "envoy")
_LONGEST_LIST = 200  # characters
Read = Callable[[str], Mapping[str, str]]
"""Raises BadLineError."""


def guess(first: str) -> Format:
    """By the first line that is not empty."""
    return "json" if first.startswith("{") else "envoy" if first.startswith("[") else "csv"


def csv_reader(names: Names, heading: str) -> Read:
    """With the names of the columns in the first line. Raises LogError when one is missing."""
    columns = _row(heading.removeprefix("\ufeff"))
    places = {name.strip(): place for place, name in enumerate(columns)}
    places = {**{name.lower(): place for name, place in places.items()}, **places}
    found = {field: place for field in names.wanted if (place := names.find(field, places)) is not None}
    missing = names.missing(found)
    if missing:
        raise LogError(f"no column tells the {missing}: use --field {missing}=COLUMN with one of {_some(columns)}")

    def read(line: str) -> Mapping[str, str]:
        cells = _row(line)
        if len(cells) != len(columns):
            raise BadLineError(f"it has {len(cells)} columns, not {len(columns)}")
        return {field: cells[place].strip() for field, place in found.items()}

    return read


def json_reader(names: Names) -> Read:
    """An object a line; a name with dots leads into objects within it."""
    paths = {field: [_path(name) for name in names.of(field)] for field in names.wanted}

    def read(line: str) -> Mapping[str, str]:
        try:
            data = json.loads(line)
        except (ValueError, RecursionError):
            raise BadLineError("it is not JSON") from None
        if not isinstance(data, dict):
            raise BadLineError("it is not a JSON object")
        return {field: _first(data, tried) for field, tried in paths.items()}

    return read


def envoy_reader(names: Names, given: str | None) -> Read:
    """Lines of Envoy's text format. Raises LogError when the format lacks a field."""
    patterns = [pattern_of(text) for text in ([given] if given else USUAL_FORMATS)]
    found = [
        (pattern, {field: place for field in names.wanted if (place := names.find(field, operators)) is not None})
        for pattern, operators in patterns
    ]
    missing = names.missing(found[0][1])
    if missing:
        raise LogError(f"Envoy's format does not tell the {missing}: use --envoy-format with one that does")

    def read(line: str) -> Mapping[str, str]:
        for pattern, places in found:
            match = pattern.fullmatch(line)
            if match is not None:
                return {field: match[place] for field, place in places.items()}
        raise BadLineError("it is not of Envoy's format")

    return read


def _row(line: str) -> list[str]:
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error as error:
        raise BadLineError(str(error)) from None


def _some(columns: Sequence[str]) -> str:
    return ", ".join(columns)[:_LONGEST_LIST]


def _path(name: str) -> Sequence[str]:
    return (name, *name.split(".")) if "." in name else (name,)


def _first(data: Mapping[str, Any], paths: Sequence[Sequence[str]]) -> str:
    for whole, *parts in paths:
        value = data.get(whole)
        if value is None and parts:
            value = _inner(data, parts)
        if value is not None and not isinstance(value, dict | list | bool):
            return str(value)
    return ""


def _inner(data: Any, parts: Sequence[str]) -> Any:  # noqa: ANN401 (any JSON)
    for part in parts:
        data = data.get(part) if isinstance(data, dict) else None
    return data
