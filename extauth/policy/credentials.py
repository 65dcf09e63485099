"""Where a credential may stand, and what it may be."""

from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from extauth.policy.names import SCHEME_PATTERN, HeaderName, Name, ParameterName, SchemeName
from extauth.settings.model import Settings

KEY = "key"
"""In `accepts`: an API key."""


_SCHEME = {"type": "string", "pattern": SCHEME_PATTERN}


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, str) else value


Schemes = Annotated[
    tuple[SchemeName, ...],
    BeforeValidator(_one_or_more),
    WithJsonSchema({"anyOf": [_SCHEME, {"type": "array", "items": _SCHEME}]}),
]
"""One word, or a list of them."""


class CredentialSource(Settings):
    """A place where a key or token may stand: a header, a query parameter or a cookie."""

    header: HeaderName | None = None
    """Name of a request header."""
    query: ParameterName | None = None
    """Name of a query parameter. Envoy removes it for the upstream, and sorts the others in doing so."""
    cookie: ParameterName | None = None
    """Name of a cookie."""
    scheme: Schemes = ()
    """Word before the key, such as `Bearer`, or a list of such words, in any case. Headers only."""
    scheme_optional: bool = False
    """Whether the key may also stand there without one of those words."""
    accepts: Annotated[tuple[Name, ...], Field(min_length=1)] = (KEY,)
    """What may stand here: `key` for API keys, and names from `bearer` for tokens."""

    @model_validator(mode="after")
    def _one_place(self) -> "CredentialSource":
        if sum(place is not None for place in (self.header, self.query, self.cookie)) != 1:
            raise ValueError("a credential stands in one place: use one of header, query and cookie")
        if self.scheme and self.header is None:
            raise ValueError("only a header has a scheme: use `scheme` with `header`")
        if self.scheme_optional and not self.scheme:
            raise ValueError("there is no scheme that could be optional: use `scheme` with `scheme_optional`")
        return self
