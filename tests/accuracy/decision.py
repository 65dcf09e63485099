"""Decisions, the ideal for the requests that they are about, and how far they are from it."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from extauth.settings.rate import MICROSECONDS
from extauth.store.bucket import Kept, Shape, debt_at, spend


class Decision(NamedTuple):
    """What became of a request. `time` in microseconds by Redis' clock: when the tokens were taken or missed."""

    time: int
    admitted: bool


def ideal(decisions: Iterable[Decision], shape: Shape) -> int:
    """How many one bucket in one place would have admitted of the same requests at the same times."""
    kept: Kept | None = None
    admitted = 0
    for decision in sorted(decisions):
        (level,) = spend([debt_at(kept, shape, decision.time)], [shape], [1])
        kept = Kept(level.debt, decision.time, shape.period)
        admitted += level.enough
    return admitted


def excess(decisions: Iterable[Decision], shape: Shape) -> float:
    """By how many requests more was admitted than `burst + rate * T`, in the window of time T for which that is most.

    Never above 0 for an exact bucket.
    """
    times = sorted(decision.time for decision in decisions if decision.admitted)
    most, lowest = 0.0, 0.0
    for number, time in enumerate(times):
        credit = number - shape.rate * (time - times[0]) / MICROSECONDS
        lowest = min(lowest, credit)
        most = max(most, credit - lowest + 1)
    return most - shape.burst if times else -float(shape.burst)


def admitted(decisions: Sequence[Decision]) -> int:
    return sum(decision.admitted for decision in decisions)
