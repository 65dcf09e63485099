"""Limits in a form: rows of name, rate and burst; a row without a name says nothing."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from extauth.keys.record import LimitOverride
from extauth.registry.errors import FieldProblem, InvalidError
from extauth.registry.rest.limit_bodies import rate_text
from extauth.registry.rules import MAX_LIMITS
from extauth.settings.values import Rate, RateValue

_RATE: TypeAdapter[RateValue] = TypeAdapter(Rate)
_BURST = re.compile(r"[1-9][0-9]{0,9}")
_SPARE = 2
"""Empty rows below those that are filled in."""


class LimitRow(NamedTuple):
    """What stands in one row, as it was typed."""

    name: str = ""
    rate: str = ""
    burst: str = ""


def rows_of(limits: Sequence[LimitOverride]) -> list[LimitRow]:
    """Of limits that are there, and some empty ones."""
    rows = [
        LimitRow(one.name, rate_text(one.amount, one.period), str(one.burst) if one.burst else "") for one in limits
    ]
    return _with_spare(rows)


def typed_rows(form: Mapping[str, str]) -> list[LimitRow]:
    """What was typed, and some empty ones."""
    return _with_spare([row for row in _rows(form) if any(row)])


def limits_in(form: Mapping[str, str]) -> tuple[LimitOverride, ...]:
    """InvalidError with all that is wrong, as `limits[0].rate`, counting rows that are not empty."""
    problems: list[FieldProblem] = []
    filled = [row for row in _rows(form) if any(row)]
    found = [_limit(f"limits[{index}]", row, problems) for index, row in enumerate(filled)]
    if problems:
        raise InvalidError(problems)
    return tuple(limit for limit in found if limit is not None)


def _rows(form: Mapping[str, str]) -> list[LimitRow]:
    return [
        LimitRow(*(form.get(f"limit-{index}-{column}", "").strip() for column in LimitRow._fields))
        for index in range(MAX_LIMITS + _SPARE)
    ]


def _with_spare(rows: list[LimitRow]) -> list[LimitRow]:
    return [*rows, *[LimitRow()] * min(_SPARE, max(MAX_LIMITS - len(rows), 0))]


def _limit(field: str, row: LimitRow, problems: list[FieldProblem]) -> LimitOverride | None:
    if not row.name:
        problems.append(FieldProblem(f"{field}.name", "is empty", "write the name of a limit in the policy"))
        return None
    if row.burst and not _BURST.fullmatch(row.burst):
        problems.append(FieldProblem(f"{field}.burst", "is no number", "use 1 or more, or leave it empty"))
        return None
    try:
        rate = _RATE.validate_python(row.rate)
    except ValidationError:
        remedy = "use requests over time, such as 10/s, 1000/min or 5000/12h"
        problems.append(FieldProblem(f"{field}.rate", "cannot be read", remedy))
        return None
    return LimitOverride(row.name, rate.amount, rate.period, int(row.burst or 0))
