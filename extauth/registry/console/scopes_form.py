"""Scopes in a form: one field, separated by spaces or commas."""

import re
from collections.abc import Mapping

_SEPARATORS = re.compile(r"[\s,]+")


def scopes_in(form: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(filter(None, _SEPARATORS.split(form.get("scopes", ""))))
