"""What a run must show, and whether it did."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from extauth.store.bucket import Shape
from extauth.store.lease import HOLD
from tests.accuracy.measure import Found
from tests.accuracy.offered import BRIMFUL, TRAFFIC

_ROUNDING = 1  # a token, for times in whole microseconds
_LEAST = 0.99
_AT_THE_LIMIT = 1


@dataclass(frozen=True, slots=True)
class Goal:
    """A number that is not to be above its bound, or with `is_least` not below it."""

    text: str
    bound: float
    value: float
    is_least: bool = False

    @property
    def is_met(self) -> bool:
        return self.value >= self.bound if self.is_least else self.value <= self.bound


def bound(shape: Shape) -> float:
    """What leases may add to `burst + rate * T` in any window of time T, see docs/limits.md."""
    return shape.rate * HOLD


def goals(found: Sequence[Found], shape: Shape) -> Iterator[Goal]:
    exact = [one for one in found if one.case.mode == "exact"]
    leased = [one for one in found if one.case.mode == "leased"]
    at_limit = [one for one in leased if one.case.load == _AT_THE_LIMIT and one.case.traffic in TRAFFIC]
    brimful = [one for one in leased if one.case.traffic == BRIMFUL]
    yield Goal("exact: admitted above the ideal, requests", 0, _most(one.admitted - one.ideal for one in exact))
    yield Goal(
        "exact: above `burst + rate * T` in any window, requests", _ROUNDING, _most(max(one.excess, 0) for one in exact)
    )
    yield Goal(
        f"leased: above `burst + rate * T` in any window, requests (bound: `rate * {HOLD:g} s`, and a rounding)",
        bound(shape) + _ROUNDING,
        _most(max(one.excess, 0) for one in leased),
    )
    yield _least_share("leased: least share of the ideal that was admitted at 1x, steady and bursty", at_limit)
    yield _least_share("leased: the same with two seconds' worth at once, as large as a bucket of that", brimful)


def _least_share(text: str, found: Sequence[Found]) -> Goal:
    return Goal(text, _LEAST, min((one.share for one in found), default=0), is_least=True)


def _most(values: Iterable[float]) -> float:
    return max(values, default=0)
