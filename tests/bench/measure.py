"""Rounds: every variant under every load, in rotating order, so that a machine that drifts is unjust to none."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench.load.load import Load
from tests.bench.load.requests import Requests
from tests.bench.load.result import Result
from tests.bench.processes import cpu_seconds, family

_WARM_UP = 0.3  # seconds of the same load, not counted
_MICRO = 1e6


@dataclass(frozen=True, slots=True)
class Shape:
    """How a server is loaded: in a closed loop, or at a rate a second."""

    name: str
    rate: int | None = None


CLOSED = Shape("closed loop")
SHAPES = (CLOSED, Shape("1,000/s", 1_000), Shape("2,000/s", 2_000))


@dataclass(frozen=True, slots=True)
class Variant:
    """What is asked, and the processes whose CPU time an answer costs, by what they are."""

    name: str
    requests: Requests
    processes: Mapping[str, int]
    connections: int
    in_flight: int
    """In a closed loop, on each connection."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One variant under one load, once. Times in microseconds."""

    rate: float
    p50: float
    p99: float
    p999: float
    worst: float
    failed: int
    errors: str
    cpu: Mapping[str, float]
    """CPU time for each right answer."""


Samples = dict[tuple[str, str], list[Sample]]
"""By variant and shape; one for each round."""


def run_rounds(variants: Sequence[Variant], shapes: Sequence[Shape], rounds: int, seconds: float) -> Samples:
    samples: Samples = {(variant.name, shape.name): [] for variant in variants for shape in shapes}
    for number in range(rounds):
        turn = number % len(variants)
        for shape in shapes:
            for variant in (*variants[turn:], *variants[:turn]):
                sample = take(variant, shape, seconds, seed=number)
                samples[variant.name, shape.name].append(sample)
                _tell(f"round {number + 1}, {shape.name}, {variant.name}", sample)
    return samples


def take(variant: Variant, shape: Shape, seconds: float, seed: int = 1) -> Sample:
    families = {name: family(process) for name, process in variant.processes.items()}
    with Load(variant.requests, variant.connections) as load:
        _run(load, variant, shape, _WARM_UP, seed)
        before = {name: cpu_seconds(members) for name, members in families.items()}
        result = _run(load, variant, shape, seconds, seed)
        after = {name: cpu_seconds(members) for name, members in families.items()}
    return Sample(
        rate=result.rate,
        p50=result.quantile(0.5) * _MICRO,
        p99=result.quantile(0.99) * _MICRO,
        p999=result.quantile(0.999) * _MICRO,
        worst=result.quantile(1) * _MICRO,
        failed=result.failed,
        errors=", ".join(f"{count} {kind}" for kind, count in (+result.errors).items()),
        cpu={name: (after[name] - before[name]) / max(result.answered, 1) * _MICRO for name in families},
    )


def middle(samples: Sequence[Sample], value: Callable[[Sample], float]) -> float:
    """The median over the rounds."""
    return median(value(sample) for sample in samples)


def ratio(left: Sequence[Sample], right: Sequence[Sample], value: Callable[[Sample], float]) -> float:
    """The median of the ratios within each round, which is steadier than the ratio of the medians."""
    return median(value(one) / value(other) for one, other in zip(left, right, strict=True))


def difference(left: Sequence[Sample], right: Sequence[Sample], value: Callable[[Sample], float]) -> float:
    """The median of the differences within each round."""
    return median(value(one) - value(other) for one, other in zip(left, right, strict=True))


def server_cpu(sample: Sample) -> float:
    """Microseconds of the server that answers checks."""
    return sample.cpu[SERVER]


def p99(sample: Sample) -> float:
    return sample.p99


SERVER, ENVOY = "server", "Envoy"
"""Names of processes."""


def _run(load: Load, variant: Variant, shape: Shape, seconds: float, seed: int) -> Result:
    if shape.rate is None:
        return load.closed_loop(variant.in_flight, seconds)
    return load.open_loop(shape.rate, seconds, seed)


def _tell(what: str, sample: Sample) -> None:
    cpu = ", ".join(f"{name} {value:.0f}" for name, value in sample.cpu.items())
    times = f"p50 {sample.p50:.0f} p99 {sample.p99:.0f}"
    print(f"{what}: {sample.rate:.0f}/s, {times} µs, CPU {cpu} µs {sample.errors}", file=sys.stderr, flush=True)
