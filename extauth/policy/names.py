"""Names that a policy file may use: of APIs and limits, HTTP fields, hosts, paths, scopes."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
"""Lower-case letters, digits, dot, underscore and hyphen; metrics carry it as a label."""
HeaderName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$"), AfterValidator(lambda name: str(name).lower())
]
"""An HTTP field name (RFC 9110, token), in any case."""
Method = Annotated[str, Field(pattern=r"^[A-Z]{1,32}$")]
"""An HTTP method, in capitals."""
SCHEME_PATTERN = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,32}$"
SchemeName = Annotated[str, Field(pattern=SCHEME_PATTERN)]
"""An authentication scheme (RFC 9110, 11.1), in any case."""
ParameterName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._~-]{1,64}$")]
"""Name of a query parameter or a cookie, exactly as sent."""
Scope = Annotated[str, Field(pattern=r"^[A-Za-z0-9{][A-Za-z0-9:._/*{}-]{0,63}$")]
"""A scope of a key; `{name}` stands for a part of the path, see `permissions`."""

_HOST = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\*")
_SEGMENT = re.compile(r"\{[a-z_]{1,32}\}|[^{}?#%;\\ ]*")
_NOT_SETTABLE = frozenset({"host", "content-length", "connection", "transfer-encoding", "te", "upgrade"})


def _host(value: str) -> str:
    host = value.lower()
    if not _HOST.fullmatch(host):
        raise ValueError(f"{value!r} is not a host: use a name, *.a.name or *, without a port")
    return host


def _path(value: str) -> str:
    path = value.removeprefix("=")
    if not path.startswith("/") or not all(_SEGMENT.fullmatch(segment) for segment in path.split("/")):
        raise ValueError(f"{value!r} is not a path: use /a/path for it and all below, or =/a/path for just that one")
    return value


def _plain_path(value: str) -> str:
    if "{" in value:
        raise ValueError(f"{value!r} has a variable: use variables in `permissions` and `tenant` only")
    return value


def _settable(name: str) -> str:
    if name in _NOT_SETTABLE or name.startswith((":", "x-envoy-")):
        raise ValueError(f"{name!r} belongs to HTTP or to Envoy: use a name of your own")
    return name


Host = Annotated[str, AfterValidator(_host)]
PathPattern = Annotated[str, AfterValidator(_path)]
"""`/v1` is that path and all below it, `=/v1` just that one; `{name}` matches one segment."""
Path = Annotated[PathPattern, AfterValidator(_plain_path)]
SettableHeader = Annotated[HeaderName, AfterValidator(_settable)]
