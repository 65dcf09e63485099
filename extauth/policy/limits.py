"""Limit: how much callers may do, counted by whom and by what."""

import math
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from extauth.policy.cost import Cost, CostRules
from extauth.policy.dimensions import Dimensions
from extauth.policy.names import Method, Name, PathPattern
from extauth.policy.quota import Quota, QuotaValue
from extauth.settings.model import Settings
from extauth.settings.rate import whole_numbers
from extauth.settings.values import Rate


class Limit(Settings):
    """A bucket of tokens for each caller, or for each of whatever it is counted by."""

    name: Name
    """Names the bucket in metrics and in Redis."""
    by: Dimensions
    """What has a bucket of its own: `key` (for a token, its subject), `tenant`, `plan`, `api` (all of its callers share
    one), `route` (which of `paths`), `address` (of the client; IPv6 by /64), `{header: x-team}`, or a list of these for
    each mix of them."""
    rate: Rate | None = None
    """How fast it fills: `10/s`, `1000/min`, `5000/12h`, `10000/30d`."""
    quota: Quota | None = Field(default=None, validate_default=True)
    """In place of a rate: how many requests in each `hour`, `day`, `week` (from Monday on) or `month` of the calendar,
    in UTC: `100000/month`."""
    burst: int | None = Field(default=None, ge=1, le=1_000_000_000, validate_default=True)
    """How many requests it holds; the rate's own number when left out."""
    cost: Cost = CostRules()
    """How many tokens a request takes."""
    methods: tuple[Method, ...] = ()
    """HTTP methods that it counts; all when left out."""
    paths: tuple[PathPattern, ...] = Field(default=(), validate_default=True)
    """Paths that it counts; all when left out. `{name}` matches one segment; the first that matches is the `route`."""

    mode: Literal["auto", "exact", "leased"] = "auto"
    """`exact` asks Redis for each request. `leased` takes tokens ahead for callers who are quick, and spends them from
    memory; all replicas together then admit at most a quarter of a second's rate more. `auto` is `leased` for rates of
    50/s and more whose burst is a second's worth or more, and for quotas of 1,000 or more, else `exact`."""

    @field_validator("quota")
    @classmethod
    def _in_place_of_a_rate(cls, quota: QuotaValue | None, info: ValidationInfo) -> QuotaValue | None:
        if "rate" in info.data and (info.data["rate"] is None) == (quota is None):
            raise ValueError("a limit is a rate or a quota: use one of the two")
        return quota

    @field_validator("burst")
    @classmethod
    def _can_be_counted(cls, burst: int | None, info: ValidationInfo) -> int | None:
        rate = info.data.get("rate")
        if rate is not None:  # else it has a problem of its own, which is told
            whole_numbers(rate.amount, rate.period, burst or math.ceil(rate.amount))
        elif burst is not None and info.data.get("quota") is not None:
            raise ValueError("a quota is what its bucket holds: use `quota` alone")
        return burst

    @field_validator("cost")
    @classmethod
    def _fits(cls, cost: CostRules, info: ValidationInfo) -> CostRules:
        found = info.data
        if {"rate", "quota", "burst"} <= found.keys() and (found["rate"] or found["quota"]):
            size = _size(found["rate"], found["quota"], found["burst"])
            if cost.largest > size:
                raise ValueError(f"a cost of {cost.largest:,} never fits: use at most {size:,}, which the bucket holds")
        return cost

    @field_validator("paths")
    @classmethod
    def _routes_are_told(cls, paths: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if not paths and "route" in info.data.get("by", ()):
            raise ValueError("a route is the one of `paths` that matches: use `paths` with `by: route`")
        return paths

    @property
    def size(self) -> int:
        """How many requests it holds."""
        return _size(self.rate, self.quota, self.burst)


def _size(rate: Rate | None, quota: Quota | None, burst: int | None) -> int:
    if quota is not None:
        return quota.amount
    assert rate is not None, "a limit has one of the two"
    return burst or math.ceil(rate.amount)
