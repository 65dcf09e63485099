"""What all bodies have in common: strict shapes, and times in RFC 3339, UTC in answers."""

from typing import Annotated, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema

from extauth.registry import times

_TIME_SCHEMA = WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2027-01-31T12:00:00Z"]})


def _milliseconds(value: object) -> int:
    return times.from_rfc3339(value if isinstance(value, str) else "")


GivenTime = Annotated[int, BeforeValidator(_milliseconds), _TIME_SCHEMA]
"""Unix milliseconds, from RFC 3339 with any offset."""
ShownTime = Annotated[str, _TIME_SCHEMA]
"""RFC 3339, UTC."""


class GivenBody(BaseModel):
    """A body that is sent to the registry."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)


class GivenQuery(BaseModel):
    """The parameters of a query."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class ShownBody(BaseModel):
    """A body that the registry answers with."""

    model_config: ClassVar[ConfigDict] = ConfigDict(use_attribute_docstrings=True)


def shown_time(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else times.to_rfc3339(milliseconds)
