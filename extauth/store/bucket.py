"""The arithmetic of a token bucket, the same as in lua/spend.lua, and what a client is told about it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Shape:
    """A bucket of `burst` tokens that gains `amount` of them every `period` microseconds."""

    amount: int
    period: int
    burst: int

    @classmethod
    def of(cls, amount: float, seconds: float, burst: int) -> "Shape":
        """Whole numbers in lowest terms for a rate of `amount` per `seconds`."""
        rate = Fraction(amount).limit_denominator(1000) / (
            Fraction(seconds).limit_denominator(MICROSECONDS) * MICROSECONDS
        )
        return cls(rate.numerator, rate.denominator, burst)

    @property
    def refill_seconds(self) -> float:
        """From empty to full."""
        return self.burst * self.period / self.amount / MICROSECONDS


@dataclass(frozen=True, slots=True)
class Level:
    """One bucket after a spend. `debt` is the tokens that it lacks times its period."""

    shape: Shape
    enough: bool
    debt: int

    @property
    def remaining(self) -> int:
        """Whole tokens left."""
        return max((self.shape.burst * self.shape.period - self.debt) // self.shape.period, 0)

    def wait(self, cost: int) -> float:
        """Seconds until `cost` tokens are there; 0 when they are, infinite when they never fit."""
        if cost > self.shape.burst:
            return math.inf
        lacking = self.debt + (cost - self.shape.burst) * self.shape.period
        return max(lacking, 0) / self.shape.amount / MICROSECONDS

    @property
    def full_in(self) -> float:
        """Seconds until the bucket is full."""
        return self.debt / self.shape.amount / MICROSECONDS


@dataclass(slots=True)
class Kept:
    """What is stored of a bucket: its debt at a time (microseconds)."""

    debt: int
    since: int


def debt_at(kept: Kept | None, shape: Shape, now: int) -> int:
    """The debt that is left at `now`; a clock set back gives no gain, a smaller burst caps it."""
    if kept is None:
        return 0
    return min(max(kept.debt - max(now - kept.since, 0) * shape.amount, 0), shape.burst * shape.period)


def spend(debts: Sequence[int], shapes: Sequence[Shape], costs: Sequence[int]) -> list[Level]:
    """Take each bucket's cost from all of them, or nothing from any when one has too little."""
    room = [
        debt + cost * shape.period <= shape.burst * shape.period
        for debt, shape, cost in zip(debts, shapes, costs, strict=True)
    ]
    allowed = all(room)
    return [
        Level(shape, enough, debt + cost * shape.period if allowed else debt)
        for debt, shape, cost, enough in zip(debts, shapes, costs, room, strict=True)
    ]
