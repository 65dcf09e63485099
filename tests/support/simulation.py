"""Many replicas and one Redis, in a time of their own: the real code of leases over the model of the scripts."""

import heapq
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from prometheus_client import CollectorRegistry

from extauth.store.bucket import Shape
from extauth.store.buckets import Answer, TokenBuckets
from extauth.store.draw import Bucket, Draw
from extauth.store.errors import StoreUnavailableError
from extauth.store.lease import HOLD
from extauth.store.queue import Need
from extauth.telemetry.sidecar_metrics import SidecarMetrics
from tests.support.model_redis import ModelRedis

SWEEP = 0.1
_EPOCH = 1_700_000_000_000_000  # microseconds: when the simulated Redis is started


class Simulation:
    """Runs events in the order of their times, in seconds from 0."""

    def __init__(self, latency: float = 0.001) -> None:
        self.now = 0.0
        self.latency = latency
        """From a replica to Redis; the way back takes as long."""
        self.redis = ModelRedis()
        self.is_up = True
        self.executed_at = 0.0
        """When Redis ran the script whose reply is being handed out."""
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = count()

    def at(self, time: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time, next(self._number), act))

    def run(self, until: float) -> None:
        while self._events and self._events[0][0] <= until:
            self.now, _, act = heapq.heappop(self._events)
            act()
        self.now = until

    def clock(self) -> float:
        return self.now


class Replica:
    """One process. `lose` says of each exchange whether its reply is lost on the way; `metrics` may be shared."""

    def __init__(
        self,
        simulation: Simulation,
        lose: Callable[[], bool] = lambda: False,
        replicas: int = 1,
        metrics: SidecarMetrics | None = None,
    ) -> None:
        self.simulation = simulation
        self.is_alive = True
        self.admitted: list[float] = []
        self.refused = 0
        self._lose = lose
        self.metrics = CollectorRegistry()
        clock = simulation.clock
        counters = metrics or SidecarMetrics(self.metrics)
        self.buckets = TokenBuckets(self._submit, counters, lambda: replicas, clock, clock)
        self.leases = self.buckets.leases
        self._sweep()

    def request(self, draw: Draw) -> None:
        """One check, as the decision makes it."""
        now = self.simulation.now
        if not self.is_alive:
            return
        if self.buckets.take(draw, now) is not None:
            self.decided(draw, now, admitted=True)
        elif self.buckets.refused(draw, now) is not None:
            self.decided(draw, now, admitted=False)
        else:
            self.buckets.ask(draw, now + 1, lambda answer: self._answered(draw, answer))

    def decided(self, draw: Draw, time: float, *, admitted: bool) -> None:
        """A request has had its answer, by what there was at a time."""
        if admitted:
            self.admitted.append(time)
        else:
            self.refused += 1

    def crash(self) -> None:
        """Its leases are lost with it."""
        self.is_alive = False

    def _answered(self, draw: Draw, answer: Answer) -> None:
        if "local" not in answer.sources:
            allowed = all(level.enough for level in answer.levels)
            self.decided(draw, self.simulation.executed_at, admitted=allowed)

    def _submit(self, need: Need) -> None:
        simulation = self.simulation
        simulation.at(simulation.now + simulation.latency, lambda: self._execute(need))

    def _execute(self, need: Need) -> None:
        simulation = self.simulation
        executed_at = simulation.now
        if not simulation.is_up:
            self._deliver(executed_at, lambda: need.fail(StoreUnavailableError("connection")))
            return
        pipeline = _Pipeline(simulation)
        need.ask(pipeline)  # type: ignore[arg-type]
        if self._lose():
            self._deliver(executed_at, lambda: need.fail(StoreUnavailableError("timeout")))
        else:
            self._deliver(executed_at, lambda: need.answer(pipeline.replies))

    def _deliver(self, executed_at: float, act: Callable[[], None]) -> None:
        def deliver() -> None:
            if self.is_alive:
                self.simulation.executed_at = executed_at
                act()

        self.simulation.at(self.simulation.now + self.simulation.latency, deliver)

    def _sweep(self) -> None:
        if self.is_alive:
            self.leases.sweep()
            self.simulation.at(self.simulation.now + SWEEP, self._sweep)


class _Pipeline:
    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self.replies: list[Any] = []

    def evalsha(self, *arguments: Any) -> None:
        now = _EPOCH + round(self._simulation.now * 1e6)
        self.replies.append(self._simulation.redis.evalsha(now, *arguments))


def leased(shape: Shape, name: str = "b:{t}:x") -> Draw:
    return Draw([Bucket(name, shape, leased=True)])


def traffic(simulation: Simulation, replica: Replica, draw: Draw, rate: float, start: float, end: float) -> None:
    """Requests at an even pace."""
    for number in range(int((end - start) * rate)):
        simulation.at(start + number / rate, lambda: replica.request(draw))


def excess(times: Sequence[float], shape: Shape) -> float:
    """By how much more than an exact bucket admits was admitted, in the window of time for which that is most."""
    most, lowest = 0.0, float("inf")
    for number, time in enumerate(sorted(times)):
        credit = number - shape.rate * time
        lowest = min(lowest, credit)
        most = max(most, credit - lowest + 1)
    return most - shape.burst


def bound(shape: Shape) -> float:
    """What leases may add to an exact bucket, and one token for the rounding of times."""
    return shape.rate * HOLD + 1
