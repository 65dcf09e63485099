"""What the lean transport and the decision must achieve, and whether they did."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.bench.check_path import NOTHING, direct_name, envoy_name
from tests.bench.measure import CLOSED, SHAPES, Samples, p99, ratio, server_cpu
from tests.bench.tables import table


@dataclass(frozen=True, slots=True)
class Goal:
    """A ratio that is not to be larger than `bound`."""

    text: str
    bound: float
    value: float

    @property
    def is_met(self) -> bool:
        return self.value <= self.bound


def goals(samples: Samples, limits: str) -> Iterator[Goal]:
    """For the sidecar with one way to limit."""
    at_1000, at_2000 = SHAPES[1], SHAPES[2]
    lean, stock = envoy_name(limits, "lean"), envoy_name(limits, "stock")
    for text, shape, value, bound in (
        ("through Envoy, as much as it can: server CPU, lean to stock", CLOSED, server_cpu, 0.45),
        ("through Envoy, 1,000/s: server CPU, lean to stock", at_1000, server_cpu, 0.6),
        ("through Envoy, 2,000/s: p99, lean to stock", at_2000, p99, 0.5),
    ):
        yield Goal(text, bound, ratio(samples[lean, shape.name], samples[stock, shape.name], value))
    full, nothing = (samples[direct_name(handler, "lean"), CLOSED.name] for handler in (limits, NOTHING))
    yield Goal("direct, as much as it can: server CPU on lean, full to nothing", 2.5, ratio(full, nothing, server_cpu))


def goals_table(samples: Samples, limits: Sequence[str]) -> str:
    """A row for each goal, a column for each way to limit."""
    found = [list(goals(samples, one)) for one in limits]
    rows = [
        [same[0].text, f"at most {same[0].bound:g}", *(_verdict(goal) for goal in same)]
        for same in zip(*found, strict=True)
    ]
    return table(["", "goal", *(f"limits: {one}" for one in limits)], rows)


def _verdict(goal: Goal) -> str:
    return f"{goal.value:.2f}, met" if goal.is_met else f"{goal.value:.2f}, **not met**"
