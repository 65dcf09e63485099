"""A fleet of replicas in simulated time: the real code of leases and buckets over the model of the scripts in Redis."""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from prometheus_client import CollectorRegistry

from extauth.settings.rate import MICROSECONDS
from extauth.store.bucket import Shape
from extauth.store.draw import Bucket, Draw
from extauth.telemetry.sidecar_metrics import SidecarMetrics
from tests.accuracy.decision import Decision, admitted, excess, ideal
from tests.support.simulation import Replica, Simulation

LATENCY = 0.0005
"""Seconds from a replica to Redis, and back."""
_SEED = 6


@dataclass(frozen=True, slots=True)
class Fleet:
    """So many replicas, and what they are asked together: `offered` requests a second, by chance (Poisson)."""

    replicas: int
    limit: Shape
    offered: float
    seconds: float
    keys: int = 1
    skew: float = 0.0
    """A key's share of the requests falls with its rank to the power of this (Zipf); 0: all are alike."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """What came of a fleet."""

    fleet: Fleet
    requests: int
    keys_seen: int
    admitted: int
    ideal: int
    excess: float
    """Requests above `burst + rate * T` of one key, in the window and for the key for which that is most."""
    calls: int

    @property
    def share(self) -> float:
        """Of the ideal."""
        return self.admitted / self.ideal

    @property
    def calls_per_thousand(self) -> float:
        return 1000 * self.calls / self.requests


def simulate(fleet: Fleet) -> Simulated:
    simulation = Simulation(LATENCY)
    metrics = SidecarMetrics(CollectorRegistry())
    decisions: dict[str, list[Decision]] = defaultdict(list)
    replicas = [_Counted(simulation, metrics, decisions, fleet.replicas) for _ in range(fleet.replicas)]
    dice = random.Random(_SEED)
    draws: dict[int, Draw] = {}
    for time, key in _arrivals(fleet, dice):
        draw = draws.get(key) or draws.setdefault(key, _draw(key, fleet.limit))
        simulation.run(time)
        dice.choice(replicas).request(draw)
    simulation.run(fleet.seconds + 4 * LATENCY)
    found = list(decisions.values())
    return Simulated(
        fleet,
        requests=sum(map(len, found)),
        keys_seen=len(found),
        admitted=sum(map(admitted, found)),
        ideal=sum(ideal(one, fleet.limit) for one in found),
        excess=max(excess(one, fleet.limit) for one in found),
        calls=simulation.redis.calls,
    )


class _Counted(Replica):
    """Notes its decisions by bucket."""

    def __init__(
        self, simulation: Simulation, metrics: SidecarMetrics, decisions: dict[str, list[Decision]], replicas: int
    ) -> None:
        self._decisions = decisions
        super().__init__(simulation, metrics=metrics, replicas=replicas)

    def decided(self, draw: Draw, time: float, *, admitted: bool) -> None:
        self._decisions[draw.buckets[0].name].append(Decision(round(time * MICROSECONDS), admitted))


def _draw(key: int, limit: Shape) -> Draw:
    return Draw([Bucket(f"b:{{t}}:{key}", limit, leased=True)])


def _arrivals(fleet: Fleet, dice: random.Random) -> Iterator[tuple[float, int]]:
    """Times in seconds, and keys by number."""
    times = _times(fleet, dice)
    yield from zip(times, _keys(fleet, dice, len(times)), strict=True)


def _times(fleet: Fleet, dice: random.Random) -> Sequence[float]:
    count = int(fleet.offered * fleet.seconds)
    return sorted(dice.uniform(0, fleet.seconds) for _ in range(count))


def _keys(fleet: Fleet, dice: random.Random, count: int) -> Sequence[int]:
    if not fleet.skew:
        return dice.choices(range(fleet.keys), k=count)
    weights = accumulate((rank + 1) ** -fleet.skew for rank in range(fleet.keys))
    return dice.choices(range(fleet.keys), cum_weights=list(weights), k=count)
