"""Arrival: a request that came, as far as limits care."""

from collections.abc import Mapping
from typing import NamedTuple

TIME = "time"
COST = "cost"
FIELDS = ("key", "tenant", "plan", "api", "address", "method", "path")
"""And request headers, named as in `header.x-model`."""
IDENTITY = frozenset({"key", "tenant"})
"""Fields without which nobody knows whose bucket it is; others may be empty."""


class Arrival(NamedTuple):
    """One request. `time` in microseconds since 1970."""

    time: int
    cost: int | None
    """Tokens, when the log says; else it is for the limit to say."""
    values: Mapping[str, str]
    """By field; empty for what the log does not tell."""
