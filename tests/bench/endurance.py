"""A sidecar at nine tenths of what it can do; and a sidecar whose Redis hangs."""

import os
import signal
import time
from dataclasses import dataclass

from tests.bench.load.load import Load
from tests.bench.load.result import Result
from tests.bench.measure import Variant
from tests.bench.processes import resident

_SHARE = 0.9
_SATURATING = 32  # calls in flight on each connection


@dataclass(frozen=True, slots=True)
class Soak:
    """Memory in bytes."""

    saturation: float
    """Right answers a second in a closed loop."""
    result: Result
    memory_before: int
    memory_after: int


def soak(variant: Variant, process: int, seconds: float) -> Soak:
    """Find out what the server can do, then ask for nine tenths of it."""
    with Load(variant.requests, variant.connections) as load:
        saturation = load.closed_loop(_SATURATING, max(seconds / 10, 1)).rate
        load.open_loop(saturation * _SHARE, max(seconds / 10, 1))
        before = resident(process)
        result = load.open_loop(saturation * _SHARE, seconds)
        return Soak(saturation, result, before, resident(process))


@dataclass(frozen=True, slots=True)
class Outage:
    """The same load before, while and after Redis was stopped."""

    before: Result
    during: Result
    after: Result


def outage(variant: Variant, redis: int, rate: float, seconds: float) -> Outage:
    """Stop Redis without ending it: connections stay open and nothing answers on them."""
    with Load(variant.requests, variant.connections) as load:
        load.open_loop(rate, 1)
        before = load.open_loop(rate, seconds / 2)
        os.kill(redis, signal.SIGSTOP)
        try:
            during = load.open_loop(rate, seconds)
        finally:
            os.kill(redis, signal.SIGCONT)
        time.sleep(1)
        return Outage(before, during, load.open_loop(rate, seconds / 2))
