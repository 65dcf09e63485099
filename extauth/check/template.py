"""Filling in the body of a refusal. Text that came from a client is always escaped."""

import html
import json
import re
from collections.abc import Mapping
from typing import Any

from extauth.policy.errors import ErrorTemplate, strings_in

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_CONTROL = re.compile(r"[^\x20-\x7e]")

JSON_TYPE = "application/json"
TEXT_TYPE = "text/plain; charset=utf-8"


class Body:
    """The body of one template."""

    def __init__(self, template: ErrorTemplate, default: Mapping[str, str]) -> None:
        self._value = default if template.body is None else template.body
        self.content_type = TEXT_TYPE if isinstance(self._value, str) else JSON_TYPE
        self.placeholders = frozenset(name for text in strings_in(self._value) for name in _PLACEHOLDER.findall(text))

    def fill(self, values: Mapping[str, str]) -> str:
        """JSON, in which the encoder escapes; or text, with controls and markup made harmless.

        A value that is exactly `{status}`, `{limit}` or `{retry_after}` becomes a number in JSON.
        """
        if isinstance(self._value, str):
            harmless = {name: html.escape(_CONTROL.sub("?", value)) for name, value in values.items()}
            return _filled(self._value, harmless)
        return json.dumps(_filled_json(self._value, values))


_NUMBERS = frozenset({"{status}", "{limit}", "{retry_after}"})


def _filled_json(value: Any, values: Mapping[str, str]) -> Any:  # noqa: ANN401 (any JSON)
    if isinstance(value, str):
        text = _filled(value, values)
        return int(text) if value in _NUMBERS and text else text
    if isinstance(value, Mapping):
        return {name: _filled_json(inner, values) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled_json(inner, values) for inner in value]
    return value


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), text)
