"""Real processes over a real Redis: every number of them, every load, both kinds of traffic, both modes."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Literal

from extauth.settings.rate import MICROSECONDS
from extauth.store.bucket import Shape
from tests.accuracy.decision import Decision, admitted, excess, ideal
from tests.accuracy.offered import BRIMFUL, TRAFFIC, Traffic
from tests.accuracy.process import Order
from tests.support.redis_server import RedisServer

Mode = Literal["exact", "leased"]
MODES: tuple[Mode, ...] = ("exact", "leased")
_LEAD = 0.3  # seconds in which all processes hear of an order


@dataclass(frozen=True, slots=True)
class Effort:
    """What is measured, and for how many seconds each."""

    processes: Sequence[int]
    loads: Sequence[float]
    """Offered, as multiples of the limit's rate."""
    seconds: float


FULL = Effort(processes=(1, 2, 4, 8), loads=(0.9, 1, 1.5, 2, 10), seconds=5)
QUICK = Effort(processes=(1, 4), loads=(1, 2), seconds=2)
RATE = 400
LIMIT = Shape.of(RATE, 1, RATE)
"""A second's worth, the least that `auto` leases: at 1x a burst of requests is as large as the bucket."""
BRIMFUL_LIMIT = Shape.of(RATE, 1, 2 * RATE)


@dataclass(frozen=True, slots=True)
class Case:
    """One row of one table, and one column."""

    mode: Mode
    processes: int
    traffic: Traffic
    load: float

    @property
    def limit(self) -> Shape:
        """The bucket that is asked."""
        return BRIMFUL_LIMIT if self.traffic == BRIMFUL else LIMIT


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a case."""

    case: Case
    requests: int
    admitted: int
    ideal: int
    excess: float
    """Requests above `burst + rate * T`, in the window for which that is most."""
    calls: int
    """Of scripts in Redis."""
    offered: float
    """Requests a second that were really asked for."""

    @property
    def share(self) -> float:
        """Of the ideal."""
        return self.admitted / self.ideal

    @property
    def calls_per_thousand(self) -> float:
        return 1000 * self.calls / self.requests


def measure(directory: Path, effort: Effort) -> Iterator[Found]:
    """Every case of an effort, in the order of the tables."""
    server = RedisServer("redis-8.2", directory)
    server.start()
    try:
        with _replicas(server.url, max(effort.processes)) as replicas:
            for case in _cases(effort):
                yield _measure_one(replicas[: case.processes], case, effort.seconds)
    finally:
        server.kill()


def found_of(case: Case, decisions: Sequence[Decision], calls: int, shape: Shape, seconds: float) -> Found:
    return Found(
        case,
        requests=len(decisions),
        admitted=admitted(decisions),
        ideal=ideal(decisions, shape),
        excess=excess(decisions, shape),
        calls=calls,
        offered=len(decisions) / seconds,
    )


def _cases(effort: Effort) -> Iterator[Case]:
    for mode, processes in product(MODES, effort.processes):
        for traffic, load in [*product(TRAFFIC, effort.loads), (BRIMFUL, 1)]:
            yield Case(mode, processes, traffic, load)


Replica = subprocess.Popen[str]


@contextmanager
def _replicas(url: str, count: int) -> Iterator[Sequence[Replica]]:
    command = [sys.executable, "-m", "tests.accuracy.process", url]
    with ExitStack() as stack:
        replicas = [
            stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            for _ in range(count)
        ]
        for replica in replicas:
            stack.callback(replica.kill)
            assert _answer(replica) == "ready\n"
        yield replicas
        for replica in replicas:
            replica.communicate(timeout=60)


def _measure_one(replicas: Sequence[Replica], case: Case, seconds: float) -> Found:
    start, shape = time.time() + _LEAD, case.limit
    for number, replica in enumerate(replicas):
        order = Order(
            bucket=f"accuracy:{{a}}:{case.mode}-{case.processes}-{case.traffic}-{case.load}",
            rate=int(shape.rate),
            burst=shape.burst,
            leased=case.mode == "leased",
            offered=case.load * shape.rate,
            traffic=case.traffic,
            seconds=seconds,
            process=number,
            processes=len(replicas),
            start=start,
        )
        assert replica.stdin is not None
        replica.stdin.write(order.line())
        replica.stdin.flush()
    answers = [json.loads(_answer(replica)) for replica in replicas]
    decisions = [Decision(*one) for answer in answers for one in answer["decisions"]]
    took = max((max(decisions).time - min(decisions).time) / MICROSECONDS, seconds)
    return found_of(case, decisions, sum(answer["calls"] for answer in answers), shape, took)


def _answer(replica: Replica) -> str:
    assert replica.stdout is not None
    return replica.stdout.readline()
