"""Candidate: limits that are tried together, from a policy file or from the command line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from extauth.policy.dimensions import header_of
from extauth.policy.limits import Limit
from extauth.policy.schema import Api
from extauth.simulate.tried_limit import TriedLimit

_LISTS = frozenset({"methods", "paths"})
_NUMBERS = frozenset({"burst", "cost"})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A request needs tokens from each of the limits that count it."""

    name: str
    """Short, for tables."""
    origin: str
    """Where it is from, for people."""
    limits: Sequence[TriedLimit]


class CandidateError(ValueError):
    """What is wrong with limits that were given; the text says what to write."""


def of_api(name: str, origin: str, api: Api) -> Candidate:
    """The limits of an API of a policy."""
    return Candidate(name, f"{origin}, api {api.name}", [TriedLimit(limit) for limit in api.limits])


def of_text(name: str, text: str) -> Candidate:
    """`by=key,rate=100/s,burst=200`, and further limits after semicolons. Raises CandidateError."""
    limits = [TriedLimit(_limit(part.strip())) for part in text.split(";") if part.strip()]
    if not limits:
        raise CandidateError("use by=key,rate=100/s,burst=200")
    names = [limit.name for limit in limits]
    if len(set(names)) < len(names):
        raise CandidateError(f"two limits have the same name: use name= to tell them apart, as in name={names[0]}-2")
    return Candidate(name, text, limits)


def wanted(candidates: Sequence[Candidate]) -> Sequence[str]:
    """The fields that an arrival must tell."""
    return sorted({field for candidate in candidates for limit in candidate.limits for field in limit.fields})


def _limit(text: str) -> Limit:
    pairs = [part.partition("=") for part in text.split(",")]
    given = {name.strip(): value.strip() for name, _, value in pairs}
    if len(given) < len(pairs) or not all(separator for _, separator, _ in pairs):
        raise CandidateError(f"{text!r}: use by=key,rate=100/s,burst=200, each once")
    try:
        return Limit.model_validate({"name": _name(given.get("by", "")), **_fields(given)})
    except ValidationError as error:
        details = error.errors(include_url=False)
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {_message(one['msg'])}" for one in details)
        raise CandidateError(f"{text!r}: {told}") from None


def _name(by: str) -> str:
    return "per-" + by.lower().replace("+", "-").replace("header.", "")


def _fields(given: Mapping[str, str]) -> dict[str, Any]:
    """As they would be in a file."""
    return {name: _field(name, value) for name, value in given.items()}


def _field(name: str, value: str) -> Any:  # noqa: ANN401 (any of a limit's fields)
    if name == "by":
        return [{"header": header} if (header := header_of(part)) else part for part in value.split("+")]
    if name in _LISTS:
        return value.split("+")
    return int(value) if name in _NUMBERS and value.isdecimal() else value


def _message(text: str) -> str:
    return text.removeprefix("Value error, ")
