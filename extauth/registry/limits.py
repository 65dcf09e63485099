"""Limits that a key, its tenant or its plan has in place of the policy's, by name: as JSON in a column; resolved."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from extauth.keys.record import LimitOverride, Owner


def limits_from(column: Iterable[Mapping[str, Any]] | None) -> tuple[LimitOverride, ...]:
    """Of a column that `limits_column` made, or of a row that is not there."""
    return tuple(LimitOverride(**limit) for limit in column or ())


def limits_column(limits: Iterable[LimitOverride]) -> list[dict[str, Any]]:
    return [
        {"name": limit.name, "amount": limit.amount, "period": limit.period, "burst": limit.burst} for limit in limits
    ]


def resolved(
    plan: Sequence[LimitOverride], tenant: Sequence[LimitOverride], key: Sequence[LimitOverride]
) -> tuple[LimitOverride, ...]:
    """Of each name the key's own limit goes before its tenant's, and that before its plan's."""
    layers = ((plan, Owner.PLAN), (tenant, Owner.TENANT), (key, Owner.KEY))
    return tuple({limit.name: limit._replace(owner=owner) for limits, owner in layers for limit in limits}.values())
