"""TriedLimit: a limit of a policy, made ready to be tried on arrivals."""

from collections.abc import Mapping
from typing import NamedTuple

from extauth.check.limit_terms import shape_of
from extauth.check.path_pattern import PathPattern
from extauth.policy.cost import CostRules
from extauth.policy.dimensions import HEADER
from extauth.policy.limits import Limit
from extauth.settings.values import format_duration
from extauth.settings.window import Unit
from extauth.simulate.arrival import Arrival

_MOST_DIGITS = 9
Caller = tuple[str, ...]
"""The values of the dimensions that the limit is by."""


class Draw(NamedTuple):
    """What a request takes, and from whose bucket."""

    caller: Caller
    cost: int


class TriedLimit:
    """One limit. A quota is a bucket that gains nothing, and a new one in each window."""

    def __init__(self, limit: Limit) -> None:
        self.name = limit.name
        self.by = limit.by
        self.unit: Unit | None = limit.quota.unit if limit.quota else None
        """Of the windows of a quota."""
        self.shape = shape_of(limit)
        self._said = _said(limit)
        self._methods = frozenset(limit.methods)
        self._paths = [(path, PathPattern(path)) for path in limit.paths]
        self._cost = limit.cost

    @property
    def fields(self) -> frozenset[str]:
        """What an arrival must tell."""
        found = {*self.by, *([f"{HEADER}{self._cost.header}"] if self._cost.header else [])}
        if self._methods or self._cost.methods:
            found.add("method")
        if self._paths:
            found.add("path")
        return frozenset(found - {"route"})

    def draw(self, arrival: Arrival) -> Draw | None:
        """None for a request that this limit does not count."""
        values = arrival.values
        if self._methods and values.get("method", "") not in self._methods:
            return None
        route = self._route(values.get("path", "")) if self._paths else ""
        cost = _cost_of(self._cost, values) if arrival.cost is None else arrival.cost
        if route is None or cost == 0:
            return None
        return Draw(tuple([route if field == "route" else values.get(field, "") for field in self.by]), cost)

    def __str__(self) -> str:
        return f"{self.name} by {'+'.join(self.by)}: {self._said}"

    def _route(self, path: str) -> str | None:
        return next((text for text, pattern in self._paths if pattern.match(path) is not None), None)


def _said(limit: Limit) -> str:
    if limit.rate is None:
        return str(limit.quota)
    amount, period = limit.rate.amount, limit.rate.period
    rate = f"{amount / period:g}/s" if amount >= period else f"{amount:g}/{_one(format_duration(period))}"
    return f"{rate}, burst {limit.size:,}"


def _one(duration: str) -> str:
    """`1h` as `h`."""
    return duration[1:] if duration[0] == "1" and duration[1:].isalpha() else duration


def _cost_of(rules: CostRules, values: Mapping[str, str]) -> int:
    if rules.header is None:
        return rules.methods.get(values.get("method", ""), rules.default) if rules.methods else rules.default
    text = values.get(f"{HEADER}{rules.header}", "").strip()
    if not (text.isascii() and text.isdigit()):
        return rules.default
    assert rules.max is not None, "a header has a bound"
    return min(int(text), rules.max) if len(text) <= _MOST_DIGITS else rules.max
