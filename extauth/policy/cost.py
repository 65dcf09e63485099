"""What a request costs: how many tokens it takes from a limit's bucket."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, ValidationInfo, field_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from extauth.policy.names import HeaderName, Method
from extauth.settings.model import Settings

_MOST = 1_000_000
Tokens = Annotated[int, Field(ge=0, le=_MOST, strict=True)]


class CostRules(Settings):
    """By method or by request header; a number in its place is that of every request. What costs 0 is not counted."""

    default: Tokens = 1
    """What a request costs of which nothing else is said."""
    methods: dict[Method, Tokens] = Field(default_factory=dict)
    """By HTTP method."""
    header: HeaderName | None = None
    """A request header that tells the cost, in digits; where it says anything else, `default` counts. Clients must not
    be able to set it: let Envoy remove theirs."""
    max: Tokens | None = Field(default=None, ge=1, validate_default=True)
    """Most that the header may say; what is more counts as this."""

    @field_validator("header")
    @classmethod
    def _one_rule(cls, header: str | None, info: ValidationInfo) -> str | None:
        if header is not None and info.data.get("methods"):
            raise ValueError("the cost has one source: use either methods or header")
        return header

    @field_validator("max")
    @classmethod
    def _bounds_the_header(cls, most: int | None, info: ValidationInfo) -> int | None:
        if "header" in info.data and (most is None) != (info.data["header"] is None):
            raise ValueError("`max` bounds what a header may say: use both header and max, or neither")
        return most

    @property
    def is_fixed(self) -> bool:
        """Whether all requests cost the same."""
        return not self.methods and self.header is None

    @property
    def largest(self) -> int:
        """Most that a request may cost."""
        return max(self.default, self.max or 0, *self.methods.values())


class _OrNumber:
    """For the JSON Schema, in which the shorter form must stand, too."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [{"type": "integer", "minimum": 0, "maximum": _MOST}, handler(schema)]}


def _rules(value: Any) -> Any:  # noqa: ANN401 (what a file may say)
    return {"default": value} if isinstance(value, int) else value


Cost = Annotated[CostRules, BeforeValidator(_rules), _OrNumber()]
"""In a file `5`, `{methods: {POST: 5}}`, or `{header: x-cost, max: 100}`."""
