"""What was measured, as Markdown."""

from collections.abc import Iterable, Iterator, Sequence

from tests.bench import measure
from tests.bench.measure import CLOSED, ENVOY, SERVER, Sample, Samples, Shape, Variant, difference, middle

_MILLI = 1e3  # microseconds


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def of_shape(samples: Samples, variants: Sequence[Variant], shape: Shape, base: str | None = None) -> str:
    """A row for each variant; with a base, also what each adds to its latency in the same round."""
    columns = ["check, transport", "answers a second", "p50 ms", "p99 ms", "p99.9 ms", "max ms"]
    if base is not None:
        columns += ["added p50 ms", "added p99 ms"]
    columns += ["server CPU µs", "checks a second and core"]
    if base is not None:
        columns += ["Envoy CPU µs"]
    rows = [list(_row(samples, variant, shape, base)) for variant in variants]
    return table([*columns, "errors"], rows)


def _row(samples: Samples, variant: Variant, shape: Shape, base: str | None) -> Iterator[str]:
    found = samples[variant.name, shape.name]
    yield variant.name.removeprefix("Envoy, ")
    yield f"{middle(found, lambda sample: sample.rate):,.0f}"
    for value in (_p50, measure.p99, _p999):
        yield _ms(middle(found, value))
    yield _ms(max(sample.worst for sample in found))
    if base is not None:
        for value in (_p50, measure.p99):
            yield _ms(difference(found, samples[base, shape.name], value)) if variant.name != base else ""
    yield from _cpu(found, SERVER)
    if base is not None:
        yield next(_cpu(found, ENVOY))
    yield f"{sum(sample.failed for sample in found):,}"


def ratios(samples: Samples, pairs: Sequence[tuple[str, str]], shapes: Sequence[Shape]) -> str:
    """The first of each pair as a share of the second."""
    columns = ["", *(f"CPU, {shape.name}" for shape in shapes), *(f"p99, {s.name}" for s in shapes if s is not CLOSED)]
    rows = []
    for left, right in pairs:
        row = [f"{left} : {right.rpartition(', ')[2]}"]
        for value, counted in ((measure.server_cpu, shapes), (measure.p99, [s for s in shapes if s is not CLOSED])):
            found = [measure.ratio(samples[left, one.name], samples[right, one.name], value) for one in counted]
            row += [f"{one:.2f}" for one in found]
        rows.append(row)
    return table(columns, rows)


def _cpu(found: Sequence[Sample], name: str) -> Iterator[str]:
    if name not in found[0].cpu:
        yield from ("", "")
        return
    micro = middle(found, lambda sample: sample.cpu[name])
    yield f"{micro:,.0f}"
    yield f"{1e6 / micro:,.0f}"


def _p50(sample: Sample) -> float:
    return sample.p50


def _p999(sample: Sample) -> float:
    return sample.p999


def _ms(micro: float) -> str:
    return f"{micro / _MILLI:,.2f}"
