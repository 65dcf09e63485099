"""What refused callers are told: a template for each reason, or for a group of reasons."""

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from extauth.policy.names import SettableHeader
from extauth.policy.reasons import ALLOWING, OUTCOMES, Reason
from extauth.settings.model import Settings

STATUSES = frozenset(
    {400, 401, 402, 403, 404, 405, 409, 410, 412, 413, 422, 423, 428, 429, 431, 451, 500, 502, 503, 504}
)
PLACEHOLDERS = frozenset(
    {
        "reason",
        "message",
        "status",
        "method",
        "path",
        "endpoint",
        "key_id",
        "tenant",
        "expires_at",
        "limit",
        "retry_after",
    }
)


def _with_status(*statuses: HTTPStatus) -> frozenset[Reason]:
    return frozenset(reason for reason, outcome in OUTCOMES.items() if outcome.http_status in statuses)


GROUPS: Mapping[str, frozenset[Reason]] = {
    "unauthenticated": _with_status(HTTPStatus.UNAUTHORIZED),
    "forbidden": _with_status(HTTPStatus.FORBIDDEN),
    "default": frozenset(Reason) - ALLOWING,
}
"""Names under which one template serves several reasons; the narrowest that fits is used."""

_PLACEHOLDER = re.compile(r"\{([a-z_]*)\}")
_SERVER_FAULT = 500
_OURS = frozenset(reason for reason in Reason if reason.is_ours)


def _status(value: int) -> int:
    if value not in STATUSES:
        raise ValueError(f"{value} is not a status for a refusal: use one of {', '.join(map(str, sorted(STATUSES)))}")
    return value


def _body(value: Any) -> Any:  # noqa: ANN401 (any JSON)
    for text in strings_in(value):
        for name in _PLACEHOLDER.findall(text):
            if name not in PLACEHOLDERS:
                raise ValueError(f"{{{name}}} is not known: use {', '.join(sorted(PLACEHOLDERS))}")
    return value


def strings_in(value: Any) -> Iterator[str]:  # noqa: ANN401 (any JSON)
    """All string values of a JSON structure."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings_in(inner)


class ErrorTemplate(Settings):
    """Status, headers and body of a refusal. What is left out is as it is without a template."""

    status: Annotated[int, AfterValidator(_status)] | None = None
    """HTTP status."""
    headers: dict[SettableHeader, Annotated[str, Field(pattern=r"^[\x20-\x7e]*$")]] = Field(default_factory=dict)
    """Further response headers, constant text."""
    body: Annotated[dict[str, Any] | list[Any] | str | None, AfterValidator(_body)] = None
    """JSON, written as YAML; or a string, sent as text/plain. Strings may hold `{reason}`, `{message}`, `{status}`,
    `{method}`, `{path}`, `{endpoint}` (the path below the API's own), `{key_id}`, `{tenant}`, `{expires_at}`,
    `{limit}` and `{retry_after}`."""


def _errors(templates: dict[str, ErrorTemplate]) -> dict[str, ErrorTemplate]:
    known = {*GROUPS, *(reason.value for reason in GROUPS["default"])}
    for name, template in templates.items():
        if name not in known:
            raise ValueError(f"{name!r} is no reason: use {', '.join(sorted(known))}")
        if name in _OURS and (template.status or _SERVER_FAULT) < _SERVER_FAULT:
            raise ValueError(f"{template.status} would blame the caller for a fault of ours: use 500 or above")
    return templates


Errors = Annotated[dict[str, ErrorTemplate], AfterValidator(_errors)]
"""By reason, or by group: unauthenticated (all 401s), forbidden (all 403s), default."""


def template_for(reason: Reason, *layers: Mapping[str, ErrorTemplate]) -> ErrorTemplate:
    """The narrowest template for a reason: by its name, its group, or `default`; earlier layers go before later ones.

    A status from `default` that blames the caller never replaces that of a fault of ours.
    """
    names = [reason.value, *(name for name, reasons in GROUPS.items() if reason in reasons)]
    found = next((layer[name] for name in names for layer in layers if name in layer), ErrorTemplate())
    if reason.is_ours and found.status is not None and found.status < _SERVER_FAULT:
        return found.model_copy(update={"status": None})
    return found
