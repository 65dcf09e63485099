"""What a limit looks at in a request: whether it counts it, what it costs, and which bucket it is for."""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

from extauth.check.client_address import AddressOf
from extauth.check.path_pattern import PathPattern
from extauth.check.request import Request
from extauth.policy.cost import CostRules
from extauth.policy.dimensions import header_of
from extauth.policy.limits import Limit

_LONGEST = 64  # characters of a value that stands as it is in the name of a bucket; others by their digest
_MOST_DIGITS = 9
_Value = Callable[[Request, str], str]
"""Of a dimension, from the request and its route."""


class Found(NamedTuple):
    """What a request says to a limit that counts it."""

    cost: int
    subject: str
    """The end of the bucket's name."""


class Conditions:
    """Of one limit. `constant` is what all requests of all callers say; None when they differ."""

    def __init__(self, limit: Limit, address_of: AddressOf) -> None:
        self._methods = frozenset(limit.methods)
        self._routes = [(path, PathPattern(path)) for path in limit.paths]
        self._cost = limit.cost
        self._values = [
            (dimension, value)
            for dimension in sorted(limit.by)
            if (value := _value_of(dimension, address_of)) is not None
        ]
        differ = self._methods or self._routes or self._values or not limit.cost.is_fixed
        self.constant = None if differ else Found(limit.cost.default, "")

    def find(self, request: Request) -> Found | None:
        """None when the request is not counted."""
        if self.constant is not None:
            return self.constant
        if self._methods and request.method not in self._methods:
            return None
        route = self._route(request.path)
        if route is None:
            return None
        return Found(
            cost_of(self._cost, request),
            "".join([f":{dimension}={safe(value(request, route))}" for dimension, value in self._values]),
        )

    def _route(self, path: str) -> str | None:
        """The pattern that matches; empty when any path does."""
        for route, pattern in self._routes:
            if pattern.match(path) is not None:
                return route
        return None if self._routes else ""


def _value_of(dimension: str, address_of: AddressOf) -> _Value | None:
    """None for dimensions that are the caller's own."""
    header = header_of(dimension)
    if header is not None:
        return lambda request, _route: request.headers.get(header, "")
    values: dict[str, _Value] = {
        "route": lambda _request, route: route,
        "address": lambda request, _route: address_of(request),
    }
    return values.get(dimension)


def cost_of(rules: CostRules, request: Request) -> int:
    """In tokens."""
    if rules.header is None:
        return rules.methods.get(request.method, rules.default)
    text = request.headers.get(rules.header, "").strip()
    if not (text.isascii() and text.isdigit()):
        return rules.default
    assert rules.max is not None, "a header has a bound"
    # As text of any length it is large, and never worth the making of a number.
    return min(int(text), rules.max) if len(text) <= _MOST_DIGITS else _most_of_long(text, rules.max)


def _most_of_long(text: str, most: int) -> int:
    digits = text.lstrip("0")
    return most if len(digits) > _MOST_DIGITS else min(int(digits or "0"), most)


def safe(value: str) -> str:
    """For a bucket's name: no braces, colons or other signs, at most 64 characters, and of two values two names."""
    if value.isalnum() and value.isascii() and len(value) <= _LONGEST:  # nearly always
        return value
    return _safe(value) if len(value) <= _LONGEST else _digest(value)


@lru_cache(maxsize=8192)
def _safe(value: str) -> str:
    text = quote(value, safe="")
    return text if len(text) <= _LONGEST else _digest(value)


def _digest(value: str) -> str:
    # No value that stands as it is has a "#".
    return "#" + hashlib.sha256(value.encode(errors="surrogatepass")).hexdigest()[:32]
