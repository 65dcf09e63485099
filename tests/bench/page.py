"""docs/performance.md, from what a run found."""

import platform
import re
import subprocess
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from extauth.demo import binaries
from tests.bench import check_path
from tests.bench.check_path import direct_name, envoy_name
from tests.bench.decision import FORMS, Times
from tests.bench.endurance import Outage, Soak
from tests.bench.goals import goals_table
from tests.bench.h2load import CONNECTIONS, IN_FLIGHT, Runs, h2load_table
from tests.bench.load.result import Result
from tests.bench.measure import SHAPES, Samples, Variant
from tests.bench.processes import machine
from tests.bench.tables import of_shape, ratios, table

SOAKED_LIMITS = "leased"
_MEBI = 2**20
_WIDTH = 120


@dataclass(frozen=True, slots=True)
class Findings:
    """All of one run."""

    rounds: int
    seconds: float
    limits: Sequence[str]
    through_envoy_limits: Sequence[str]
    direct: Sequence[Variant]
    through_envoy: Sequence[Variant]
    samples: Samples
    h2load: Runs
    """Empty where h2load is not installed."""
    soak: Soak
    outages: Mapping[str, Outage]
    decisions: Mapping[str, Mapping[str, Times]]
    keys: int
    key_rows: Sequence[tuple[str, str]]
    stolen: float
    """Share of all CPU time."""


def page(found: Findings) -> str:
    sections = [f"\n## {heading}\n\n{write(found)}" for heading, write in SECTIONS.items()]
    return "".join([_opening(found), *sections])


def _opening(found: Findings) -> str:
    text = f"""
Measured on {machine()}; {versions()}.
Medians of {found.rounds} rounds of {found.seconds:g} s, in which every row took its turn, in rotating order; ratios and
added latencies are medians over the rounds of what each round gave; max is the largest of all rounds. Compare rows of
one table: on another day the machine may be a fifth faster or slower. The host gave {found.stolen:.1%} of the CPU time
to other guests meanwhile.

The load comes from a generator of our own (tests/bench/load) on the same CPUs. At a rate, requests come by chance
(Poisson), and a latency counts from the moment at which the request was due. CPU is user and system time of all threads
for each right answer; whatever is not an ALLOW counts as an error. {len(found.direct[-1].requests.wires)} keys take
turns, all in the near cache. A check has 16 headers and about 850 bytes.

`nothing` allows everything without reading it: what a transport costs by itself. The others are `extauth serve`: find
the API, the key and its record, check a scope, count, tell the upstream five things. `none` has no limits, `exact` has
two that ask Redis on each check, `leased` two whose tokens are taken ahead, which is done for callers who ask more than
about 50 times a second, as these do; for others it is as `exact`. `lean` and `stock` are values of `listen.transport`.
"""
    paragraphs = [textwrap.fill(" ".join(paragraph.split()), _WIDTH) for paragraph in text.strip().split("\n\n")]
    return "\n\n".join(["<!-- written by `make bench` -->\n# Performance", *paragraphs]) + "\n"


def _goals(found: Findings) -> str:
    return goals_table(found.samples, found.through_envoy_limits)


def _ratios(found: Findings) -> str:
    pairs = [
        *((direct_name(one, "lean"), direct_name(one, "stock")) for one in (check_path.NOTHING, *found.limits)),
        *((envoy_name(one, "lean"), envoy_name(one, "stock")) for one in found.through_envoy_limits),
    ]
    return f"Of the lean transport to the stock one: below 1 is better.\n\n{ratios(found.samples, pairs, SHAPES)}"


def _direct(found: Findings) -> str:
    return "".join(_by_shape(found, found.direct, base=None))


def _through_envoy(found: Findings) -> str:
    note = (
        "Envoy with two workers as `extauth envoy` configures it, all request headers sent to the sidecar as they came "
        "(`encode_raw_headers`); its routes answer by themselves. Added is what a row has over the unchecked one.\n"
    )
    return note + "".join(_by_shape(found, found.through_envoy, base=envoy_name(check_path.UNCHECKED)))


def _by_shape(found: Findings, variants: Sequence[Variant], base: str | None) -> Iterator[str]:
    for number, shape in enumerate(SHAPES):
        space = "\n" if number or base else ""
        yield f"{space}### {shape.name.capitalize()}\n\n{of_shape(found.samples, variants, shape, base)}"


def _h2load(found: Findings) -> str:
    if not found.h2load:
        return "h2load was not installed (Debian: nghttp2-client).\n"
    text = (
        f"The first table once more, by a load generator that is not ours: {CONNECTIONS} connections, "
        f"{IN_FLIGHT} in flight on each, one key; at a rate, requests come evenly."
    )
    return f"{textwrap.fill(text, _WIDTH)}\n\n" + h2load_table(found.h2load, found.direct)


def _decisions(found: Findings) -> str:
    rows = [[limits, *(_best_and_median(times[form]) for form in FORMS)] for limits, times in found.decisions.items()]
    text = (
        "From the bytes of a CheckRequest to those of the answer, in the sidecar's process, without gRPC, one after "
        "the other as `timeit` does: the best of many short runs, and their median."
    )
    return f"{textwrap.fill(text, _WIDTH)}\n\n" + table(["limits", "headers as a map", "headers raw"], rows)


def _best_and_median(times: Times) -> str:
    return f"{times.best * 1e6:.1f} µs, {times.median * 1e6:.1f} µs"


def _soak(found: Findings) -> str:
    soaked = found.soak
    memory = f"{soaked.memory_before / _MEBI:.1f} MiB at first, {soaked.memory_after / _MEBI:.1f} MiB at the end"
    rows = [
        ["as much as it can", f"{soaked.saturation:,.0f} checks a second"],
        [f"nine tenths of it for {soaked.result.seconds:.0f} s", f"{soaked.result.rate:,.0f} checks a second"],
        ["p50, p99, p99.9, max", _quantiles(soaked.result)],
        ["errors", _errors(soaked.result)],
        ["memory", memory],
    ]
    return f"Straight to the lean sidecar, limits `{SOAKED_LIMITS}`.\n\n" + table(["what", "value"], rows)


def _outages(found: Findings) -> str:
    rows = []
    for limits, stopped in found.outages.items():
        for moment, result in (("before", stopped.before), ("hanging", stopped.during), ("after", stopped.after)):
            rows.append([limits, moment, f"{result.rate:,.0f}", _quantiles(result), _errors(result)])
    text = f"Redis is stopped for {found.outages[SOAKED_LIMITS].during.seconds:.0f} s (SIGSTOP) under 1,000/s"
    columns = ["limits", "Redis", "answers a second", "p50, p99, p99.9, max", "errors"]
    return f"{text}, straight to the lean sidecar, keys in memory.\n\n" + table(columns, rows)


def _keys(found: Findings) -> str:
    return f"{found.keys:,} keys.\n\n" + table(["what", "value"], found.key_rows)


def _quantiles(result: Result) -> str:
    return ", ".join(f"{result.quantile(share) * 1e3:.2f}" for share in (0.5, 0.99, 0.999, 1)) + " ms"


def _errors(result: Result) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in (+result.errors).items()) or "none"


def versions() -> str:
    """Of everything that takes part."""
    return (
        f"Python {platform.python_version()}, grpcio {version('grpcio')}, protobuf {version('protobuf')}, "
        f"Envoy {_version_of(str(binaries.envoy()))}, Redis {_version_of(str(binaries.redis_server()))}"
    )


def _version_of(program: str) -> str:
    text = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout
    match = re.search(r"(?:/|v=)(\d+\.\d+\.\d+)", text)
    return match[1] if match else "unknown"


SECTIONS: dict[str, Callable[[Findings], str]] = {
    "Goals": _goals,
    "Lean to stock": _ratios,
    "Straight to the sidecar": _direct,
    "Through Envoy": _through_envoy,
    "With h2load": _h2load,
    "A decision alone": _decisions,
    "At nine tenths of what it can do": _soak,
    "While Redis hangs": _outages,
    "Many keys": _keys,
}
