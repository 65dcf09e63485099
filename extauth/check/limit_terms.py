"""What a limit is for one caller: the policy's own, or what the caller's key, tenant or plan has in its place."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from extauth.keys.record import LimitOverride, Owner
from extauth.policy.limits import Limit
from extauth.settings.window import Unit, unit_of
from extauth.store.bucket import Shape

FAST = 50
"""Tokens a second, from which on asking Redis for each of them is a burden."""
MANY = 1000
"""Tokens of a quota, from which on the same is said of it."""
_MOST = 1_000_000_000  # requests that a bucket may hold

_IMPLIED = {
    Owner.KEY: frozenset({"key"}),
    Owner.TENANT: frozenset({"key", "tenant"}),
    Owner.PLAN: frozenset({"key", "plan"}),
}
"""Of dimensions one of which makes a bucket belong to an owner; a key has one tenant and, at a time, one plan."""


class UncountableLimitError(ValueError):
    """An override that no bucket can keep; the registry refuses such."""


class Terms(NamedTuple):
    """How a limit counts."""

    by: frozenset[str]
    """The dimensions that tell its buckets apart."""
    shape: Shape
    """Of a quota, without its window."""
    unit: Unit | None
    """Of a quota."""
    leased: bool


def terms_of(limit: Limit) -> Terms:
    """Those of the policy."""
    shape = shape_of(limit)
    return Terms(frozenset(limit.by), shape, limit.quota.unit if limit.quota else None, _is_leased(limit, shape))


def terms_for(limit: Limit, own: Sequence[LimitOverride]) -> Terms:
    """Those of a caller with these overrides; raises UncountableLimitError.

    An override is for a bucket of its owner's: with any other, callers who have different ones would meet there.
    """
    override = next((one for one in own if one.name == limit.name), None)
    if override is None:
        return terms_of(limit)
    by = frozenset(limit.by)
    if by.isdisjoint(_IMPLIED[override.owner]):
        by |= {override.owner.name.lower()}
    unit = _unit_of(override) if limit.quota else None
    shape = _shape_of(override) if unit is None else Shape.of_quota(int(override.amount))
    return Terms(by, shape, unit, _is_leased(limit, shape))


def shape_of(limit: Limit) -> Shape:
    """Of a quota, without its window."""
    if limit.quota is not None:
        return Shape.of_quota(limit.quota.amount)
    assert limit.rate is not None, "a limit has one of the two"
    return Shape.of(limit.rate.amount, limit.rate.period, limit.size)


def is_leased(limit: Limit) -> bool:
    """Whether its tokens may be taken ahead: `auto` does so where the rate is a burden for Redis, and where what leases
    may add, a quarter of a second of the rate, is at most a quarter of the burst. To a quota they add nothing.
    """
    return _is_leased(limit, shape_of(limit))


def _is_leased(limit: Limit, shape: Shape) -> bool:
    if limit.mode == "auto":
        return shape.burst >= shape.rate >= FAST if shape.amount else shape.burst >= MANY
    return limit.mode == "leased"


def _unit_of(override: LimitOverride) -> Unit | None:
    """Of an override that is a quota: of a whole number, without a burst, in the time of a unit."""
    is_whole = 1 <= override.amount <= _MOST and override.amount == int(override.amount)
    return unit_of(override.period) if is_whole and not override.burst else None


def _shape_of(override: LimitOverride) -> Shape:
    size, told = override.burst or math.ceil(override.amount), f"{override.name!r} of its {override.owner.name.lower()}"
    if max(size, override.amount) > _MOST:
        raise UncountableLimitError(f"the limit {told}")
    try:
        return Shape.of(override.amount, override.period, size)
    except (ValueError, ArithmeticError) as error:
        raise UncountableLimitError(f"the limit {told}") from error
