"""The arithmetic of a token bucket, the same as in lua/bucket.lua, and what a client is told about it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from extauth.settings.rate import MICROSECONDS, whole_numbers
from extauth.settings.window import Window


@dataclass(frozen=True, slots=True)
class Shape:
    """A bucket of `burst` tokens that gains `amount` of them every `period` microseconds.

    A quota's gains nothing; it is for one window of the calendar, and the next one has a bucket of its own.
    """

    amount: int
    period: int
    burst: int
    window: Window | None = None

    @classmethod
    def of(cls, amount: float, seconds: float, burst: int) -> "Shape":
        """For a rate of `amount` per `seconds`; ValueError when whole numbers cannot hold it."""
        return cls(*whole_numbers(amount, seconds, burst), burst)

    @classmethod
    def of_quota(cls, amount: int, window: Window | None = None) -> "Shape":
        """So many tokens in a window; without one it is the same for all windows, and no bucket's yet."""
        return cls(0, 1, amount, window)

    @property
    def rate(self) -> float:
        """Tokens a second; 0 for a quota."""
        return self.amount * MICROSECONDS / self.period


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
        """Seconds until `cost` tokens are there; 0 when they are, infinite when they never fit or come."""
        if cost > self.shape.burst:
            return math.inf
        return _seconds(self.debt + (cost - self.shape.burst) * self.shape.period, self.shape.amount)

    @property
    def full_in(self) -> float:
        """Seconds until the bucket is full; infinite when it gains nothing."""
        return _seconds(self.debt, self.shape.amount)

    def full_at(self, now: float) -> float:
        """Unix seconds, and so is `now`. Of a quota the next window is full."""
        window = self.shape.window
        return now + self.full_in if window is None else window.ends


def _seconds(debt: int, amount: int) -> float:
    if debt <= 0:
        return 0.0
    return debt / amount / MICROSECONDS if amount else math.inf


@dataclass(slots=True)
class Kept:
    """What is stored of a bucket: its debt at a time (microseconds), counted in tokens times this period.

    `taken` grows by each token that is taken and begins, with the bucket, as the time: so none of its values ever
    stands for two states.
    """

    debt: int
    since: int
    period: int
    taken: int = 0


def debt_at(kept: Kept | None, shape: Shape, now: int) -> int:
    """The debt that is left at `now`; a clock set back gives no gain, a smaller burst caps it.

    When the policy has changed, the bucket goes on lacking as many tokens as it did.
    """
    if kept is None:
        return 0
    debt = kept.debt if kept.period == shape.period else math.ceil(kept.debt / kept.period * shape.period)
    return min(max(debt - max(now - kept.since, 0) * shape.amount, 0), shape.burst * shape.period)


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


def lease(debt: int, shape: Shape, wanted: int, share: int) -> int:
    """How many tokens may be taken ahead: one in `share` of those that there are, and no more than are wanted."""
    return min(wanted, (shape.burst * shape.period - debt) // shape.period // share)


def give_back(debt: int, shape: Shape, tokens: int, taken_since: int) -> int:
    """The debt after tokens came back unused, `taken_since` others having been taken after them.

    They are worth what is left of the debt that they made. Debt that was made later is not theirs to lower: without
    them the bucket would have been full meanwhile, and would have gained nothing. See docs/limits.md. A negative
    number means that the bucket they were taken from has been lost.
    """
    theirs = debt - taken_since * shape.period if taken_since >= 0 else 0
    return debt - max(min(tokens * shape.period, theirs), 0)
