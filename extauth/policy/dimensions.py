"""What tells the buckets of one limit from each other."""

from typing import Annotated, Any

from pydantic import BeforeValidator, TypeAdapter, ValidationError, WithJsonSchema

from extauth.policy.names import HeaderName

NAMED = ("key", "tenant", "plan", "api", "route", "address")
HEADER = "header."
"""What the dimension of a request header begins with, before the header's name."""
_MOST = 6
_HEADER_NAME: TypeAdapter[str] = TypeAdapter(HeaderName)
_REMEDY = f"use {', '.join(NAMED)} or {{header: name}}, or a list of these"


def header_of(dimension: str) -> str | None:
    """The name of the request header that a dimension is."""
    return dimension.removeprefix(HEADER) if dimension.startswith(HEADER) else None


def _dimensions(value: Any) -> tuple[str, ...]:  # noqa: ANN401 (what a file may say)
    given = value if isinstance(value, list | tuple) else [value]
    found = tuple(map(_dimension, given))
    if not found or len(found) > _MOST:
        raise ValueError(f"a limit has 1 to {_MOST} dimensions: {_REMEDY}")
    if len(set(found)) < len(found):
        raise ValueError("a dimension stands here twice: use each once")
    return found


def _dimension(value: Any) -> str:  # noqa: ANN401 (what a file may say)
    if isinstance(value, str) and value in NAMED:
        return value
    if isinstance(value, dict) and value.keys() == {"header"}:
        try:
            return f"{HEADER}{_HEADER_NAME.validate_python(value['header'])}"
        except ValidationError:
            raise ValueError(f"{value['header']!r} is no name of a header: use one such as x-team") from None
    raise ValueError(f"{value!r} is no dimension: {_REMEDY}")


_ONE: dict[str, Any] = {
    "anyOf": [
        {"enum": [*NAMED]},
        {
            "type": "object",
            "properties": {"header": {"type": "string"}},
            "required": ["header"],
            "additionalProperties": False,
        },
    ]
}
Dimensions = Annotated[
    tuple[str, ...],
    BeforeValidator(_dimensions),
    WithJsonSchema({"anyOf": [*_ONE["anyOf"], {"type": "array", "items": _ONE, "minItems": 1, "maxItems": _MOST}]}),
]
"""In a file `key`, or a list such as `[tenant, route, {header: x-team}]`."""
