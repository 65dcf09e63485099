"""The rules for values of fields, each as an iterator over what is wrong. None of the texts repeats the value."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence

from extauth.keys.record import LimitOverride
from extauth.registry.errors import FieldProblem
from extauth.settings.rate import whole_numbers

_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_SCOPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._/*-]{0,63}")
_LIMIT_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")  # as in the policy
_SLUG_REMEDY = "use 1 to 63 of A-Z, a-z, 0-9, dot, underscore and hyphen, the first one a letter or digit"
_SCOPE_REMEDY = "use 1 to 64 of A-Z, a-z, 0-9 and : . _ / * -, the first one a letter or digit"
_LIMIT_NAME_REMEDY = "use the name of a limit in the policy: 1 to 63 of a-z, 0-9, dot, underscore and hyphen"

MAX_SCOPES = 64
MAX_METADATA = 16
MAX_LIMITS = 16
_METADATA_VALUE_LENGTH = 256
_LONGEST_GRACE = 365 * 86400.0
_LEAST_AMOUNT, _MOST_AMOUNT = 0.001, 1e9
_SHORTEST_PERIOD, _LONGEST_PERIOD = 0.001, 366 * 86400.0
_MOST_BURST = 1_000_000_000


def text(field: str, value: str, longest: int, *, required: bool) -> Iterator[FieldProblem]:
    if required and not value.strip():
        yield FieldProblem(field, "is empty", f"use 1 to {longest} characters")
    elif len(value) > longest:
        yield FieldProblem(field, f"has {len(value)} characters", f"use at most {longest}")
    if not value.isprintable():  # also refuses what UTF-8 cannot hold, and what reorders text on a terminal
        yield FieldProblem(field, "has control or invisible characters", "use printable ones")


def tenant(value: str, field: str = "tenant") -> Iterator[FieldProblem]:
    if not _SLUG.fullmatch(value):
        yield FieldProblem(field, "is not a tenant's name", _SLUG_REMEDY)


def plan(value: str, field: str = "plan") -> Iterator[FieldProblem]:
    """Of a plan that may be left out."""
    if value and not _SLUG.fullmatch(value):
        yield FieldProblem(field, "is not a plan's name", f"{_SLUG_REMEDY}; or leave it empty")


def plan_name(value: str) -> Iterator[FieldProblem]:
    if not _SLUG.fullmatch(value):
        yield FieldProblem("name", "is not a plan's name", _SLUG_REMEDY)


def is_slug(value: str) -> bool:
    """Whether a tenant or plan may be called so."""
    return _SLUG.fullmatch(value) is not None


def scopes(values: Sequence[str]) -> Iterator[FieldProblem]:
    if len(values) > MAX_SCOPES:
        yield FieldProblem("scopes", f"has {len(values)} scopes", f"use at most {MAX_SCOPES}")
        return
    for index, scope in enumerate(values):
        if not _SCOPE.fullmatch(scope):
            yield FieldProblem(f"scopes[{index}]", "is not a scope", _SCOPE_REMEDY)
        elif scope in values[:index]:
            yield FieldProblem(f"scopes[{index}]", "stands here twice", "keep one of the two")


def scope(value: str) -> Iterator[FieldProblem]:
    """Of a scope that is searched for; empty for any."""
    if value and not _SCOPE.fullmatch(value):
        yield FieldProblem("scope", "is not a scope", _SCOPE_REMEDY)


def metadata(values: Mapping[str, str]) -> Iterator[FieldProblem]:
    if len(values) > MAX_METADATA:
        yield FieldProblem("metadata", f"has {len(values)} entries", f"use at most {MAX_METADATA}")
        return
    for name, value in values.items():
        if _SCOPE.fullmatch(name):
            yield from text(f"metadata.{name}", value, _METADATA_VALUE_LENGTH, required=False)
        else:
            yield FieldProblem("metadata", "has an entry with a name that cannot be used", _SCOPE_REMEDY)


def limits(values: Sequence[LimitOverride]) -> Iterator[FieldProblem]:
    if len(values) > MAX_LIMITS:
        yield FieldProblem("limits", f"has {len(values)} limits", f"use at most {MAX_LIMITS}")
        return
    names = [limit.name for limit in values]
    for index, limit in enumerate(values):
        yield from _limit(f"limits[{index}]", limit)
        if limit.name in names[:index]:
            yield FieldProblem(f"limits[{index}].name", "stands here twice", "keep one of the two")


def _limit(field: str, limit: LimitOverride) -> Iterator[FieldProblem]:
    if not _LIMIT_NAME.fullmatch(limit.name):
        yield FieldProblem(f"{field}.name", "is not a limit's name", _LIMIT_NAME_REMEDY)
    if not _LEAST_AMOUNT <= limit.amount <= _MOST_AMOUNT:
        yield FieldProblem(f"{field}.rate", "is out of bounds", "use 0.001 to 1000000000 requests")
    elif not _SHORTEST_PERIOD <= limit.period <= _LONGEST_PERIOD:
        yield FieldProblem(f"{field}.rate", "has a time that is out of bounds", "use 1ms to 366d")
    elif not 0 <= limit.burst <= _MOST_BURST:
        yield FieldProblem(f"{field}.burst", "is out of bounds", f"use 1 to {_MOST_BURST}, or leave it out")
    else:
        try:
            whole_numbers(limit.amount, limit.period, limit.burst or math.ceil(limit.amount))
        except ValueError as error:
            message, _, remedy = str(error).partition(": ")
            yield FieldProblem(f"{field}.burst", message, remedy)


def times(not_before: int | None, expires_at: int | None, now: int) -> Iterator[FieldProblem]:
    if expires_at is None:
        return
    if expires_at <= now:
        yield FieldProblem("expires_at", "is in the past", "use a later time, or none")
    elif not_before is not None and expires_at <= not_before:
        yield FieldProblem("expires_at", "is not after not_before", "use a later time, or none")


def grace(seconds: float) -> Iterator[FieldProblem]:
    if not 0 <= seconds <= _LONGEST_GRACE:
        yield FieldProblem("grace", "is out of bounds", "use 0s to 365d")
