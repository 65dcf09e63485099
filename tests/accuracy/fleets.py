"""Which fleets are simulated, and what is told of them."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from extauth.store.bucket import Shape
from tests.accuracy.fleet import Fleet, Simulated, simulate
from tests.bench.tables import table

KEYS = 1_000_000
ONE_CALLER = Shape.of(1000, 1, 2000)
EACH_KEY = Shape.of(100, 1, 200)
_EACH_REPLICA = 100  # requests a second, of a limit that grows with the fleet
_PROCESSES = 2
_COLUMNS = ["admitted, of the ideal", "most above `burst + rate * T`", "Redis calls per 1,000 checks"]


@dataclass(frozen=True, slots=True)
class Effort:
    """How large the fleets are, and how many seconds of simulated time each lives."""

    replicas: Sequence[int]
    skews: Sequence[float]
    offered_to_keys: float
    seconds: float


FULL = Effort(replicas=(1, 10, 100, 1000), skews=(0, 1, 1.5), offered_to_keys=40_000, seconds=3)
QUICK = Effort(replicas=(1, 10), skews=(1.5,), offered_to_keys=2_000, seconds=2)


@dataclass(frozen=True, slots=True)
class Findings:
    one_caller: Sequence[Simulated]
    growing: Sequence[Simulated]
    keys: Sequence[Simulated]

    def __iter__(self) -> Iterator[Simulated]:
        yield from (*self.one_caller, *self.growing, *self.keys)


def simulate_all(effort: Effort) -> Findings:
    one_caller = [
        Fleet(replicas, ONE_CALLER, load * ONE_CALLER.rate, 2 * effort.seconds)
        for load in (1, 2)
        for replicas in effort.replicas
    ]
    growing = [
        Fleet(
            replicas,
            Shape.of(_EACH_REPLICA * replicas, 1, _EACH_REPLICA * replicas),
            1.5 * _EACH_REPLICA * replicas,
            effort.seconds,
        )
        for replicas in effort.replicas
    ]
    keys = [
        Fleet(replicas, EACH_KEY, effort.offered_to_keys, effort.seconds, KEYS, skew)
        for skew in effort.skews
        for replicas in effort.replicas
    ]
    with ProcessPoolExecutor(_PROCESSES, get_context("spawn")) as pool:
        found = list(pool.map(simulate, [*one_caller, *growing, *keys]))
    first, second = len(one_caller), len(one_caller) + len(growing)
    return Findings(found[:first], found[first:second], found[second:])


def one_caller_table(found: Sequence[Simulated]) -> str:
    rows = [[f"{one.fleet.replicas:,}", f"{one.fleet.offered / one.fleet.limit.rate:g}x", *_told(one)] for one in found]
    return table(["replicas", "offered", *_COLUMNS], rows)


def growing_table(found: Sequence[Simulated]) -> str:
    rows = [[f"{one.fleet.replicas:,}", f"{one.fleet.limit.rate:,.0f}/s", *_told(one)] for one in found]
    return table(["replicas", "limit", *_COLUMNS], rows)


def keys_table(found: Sequence[Simulated]) -> str:
    rows = [
        [_skew(one.fleet.skew), f"{one.fleet.replicas:,}", f"{one.keys_seen:,}", f"{_refused(one):.1%}", *_told(one)]
        for one in found
    ]
    return table(["keys", "replicas", "keys that came", "refused", *_COLUMNS], rows)


def _told(one: Simulated) -> list[str]:
    return [f"{one.share:.2%}", f"{max(one.excess, 0):.0f}", f"{one.calls_per_thousand:,.0f}"]


def _refused(one: Simulated) -> float:
    return 1 - one.admitted / one.requests


def _skew(power: float) -> str:
    return f"Zipf, {power:g}" if power else "all alike"
