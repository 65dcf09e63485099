"""docs/soak.md, from what a run found."""

import textwrap
from collections import Counter
from collections.abc import Callable, Mapping

from tests.bench.page import versions
from tests.bench.processes import machine
from tests.bench.tables import table
from tests.linearizability.churn import LIVING
from tests.soak.callers import PROMISE
from tests.soak.footprint import MIB, Footprint, slope
from tests.soak.goals import GROWTH, goals
from tests.soak.run import SETTLED, Findings
from tests.soak.site import EXACT_RATE, LEASED_RATE, NEAR_CACHE

_WIDTH = 120
_HOUR = 3600
_OPENING = f"""
{{minutes:g}} minutes at {{rate:g}} requests a second through Envoy, which asks two sidecars over unix sockets, while
some {{pace:g}} keys a second are made, revoked, rotated, expired, switched off and on, or given other scopes.
`make soak` does this and says whether the goals are met; with `ARGS=--write` it writes this page. Measured on
{{machine}}; {{versions}}.
The load average at the end was {{load:.1f}}, and {{stolen:.1%}} of the CPU time went to other
guests of the host.

About {LIVING} keys are alive at a time; a quarter of the requests come with keys that have ended or that nobody has.
The near cache holds {NEAR_CACHE} keys (`cache.size`), so that it is soon full. Somewhat less than a fifth of the
requests each go to an API without limits, one whose limit asks Redis on each check, one whose limit is leased, and one
that asks for a scope; the rest to one key each on `tight-exact`, which admits {EXACT_RATE} a second, and
`tight-leased`, which admits {LEASED_RATE}, both asked for more.

For each request it is known what the registry had decided of its key, and when. An answer is wrong when the state of
the key that it belongs to was over {PROMISE:g} s or more before the request began, or never was.
"""


def page(found: Findings) -> str:
    sections = [f"\n## {heading}\n\n{write(found)}" for heading, write in SECTIONS.items()]
    return "".join([_opening(found), *sections])


def _opening(found: Findings) -> str:
    text = _OPENING.format(
        minutes=round(found.seconds / 60, 1),
        rate=found.rate,
        pace=found.pace,
        machine=machine(),
        versions=versions(),
        load=found.load,
        stolen=found.stolen,
    )
    paragraphs = [textwrap.fill(" ".join(one.split()), _WIDTH) for one in text.strip().split("\n\n")]
    title = "<!-- written by `make soak ARGS=--write` -->\n# Steady load while keys change"
    return "\n\n".join([title, *paragraphs]) + "\n"


def _goals(found: Findings) -> str:
    rows = [
        [goal.text, f"at most {goal.bound:g}", f"{round(goal.value, 1):g}, {'met' if goal.is_met else '**not met**'}"]
        for goal in goals(found)
    ]
    examples = "".join(f"\n    {example}" for example in found.tally.examples)
    return table(["", "goal", "found"], rows) + (f"\nSome of the wrong verdicts:\n{examples}\n" if examples else "")


def _answers(found: Findings) -> str:
    tally, seconds = found.tally, sorted(found.tally.seconds)
    rows = [
        ["requests answered", f"{tally.answers.total():,}"],
        ["answers", _counts(tally.answers)],
        ["errors, which are nobody's verdict", _counts(tally.errors)],
        ["requests that local buckets admitted while Redis did not answer in time", f"{found.local.total():,}"],
        ["requests that the callers were too late to make", f"{tally.missed:,}"],
        ["changes of keys", _counts(found.changes)],
        ["the longest that an answer was out of date", f"{tally.oldest * 1000:.0f} ms"],
        ["from the commit until a sidecar knew, of 99 % of all changes", f"at most {found.feed_lag * 1000:.0f} ms"],
        *([f"{name} of a request", f"{_quantile(seconds, share):.1f} ms"] for name, share in _QUANTILES.items()),
    ]
    return table(["what", "found"], rows)


_QUANTILES: Mapping[str, float] = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}


def _memory(found: Findings) -> str:
    note = f"""MiB of a process' own: the part of its PSS that is no file's, since what it shares with others depends on
        who else runs; in brackets PSS as a whole. Growth is counted from {_settling(found)} on, and so is the slope,
        of the line that fits all samples best."""
    columns = ["process", *_moments(found), "growth", "slope an hour"]
    rows = []
    for name in GROWTH:
        points = [(sample.at, sample.of[name].own / MIB) for sample in found.settled]
        chosen = [one[name] for one in _moments(found).values()]
        told = [f"{one.own / MIB:.1f} ({one.proportional / MIB:.0f})" for one in chosen]
        rows.append([name, *told, f"{points[-1][1] - points[0][1]:.1f}", f"{slope(points) * _HOUR:.1f}"])
    return f"{textwrap.fill(' '.join(note.split()), _WIDTH)}\n\n{table(columns, rows)}"


def _files(found: Findings) -> str:
    columns = ["process", *(f"{what}, {when}" for what in ("files", "threads") for when in _moments(found))]
    rows = [
        [
            name,
            *(str(one[name].files) for one in _moments(found).values()),
            *(str(one[name].threads) for one in _moments(found).values()),
        ]
        for name in GROWTH
    ]
    return table(columns, rows)


SECTIONS: Mapping[str, Callable[[Findings], str]] = {
    "Goals": _goals,
    "Answers": _answers,
    "Memory": _memory,
    "Open files and threads": _files,
}


def _moments(found: Findings) -> dict[str, Mapping[str, Footprint]]:
    """When it had settled, half way, and the end."""
    settled = found.settled
    middle = min(settled, key=lambda sample: abs(sample.at - found.seconds / 2))
    return {f"at {_time(one.at)}": one.of for one in (settled[0], middle, settled[-1])}


def _settling(found: Findings) -> str:
    return _time(found.settled[0].at) if found.seconds >= 2 * SETTLED else "half the run"


def _time(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.0f} s"


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.most_common()) or "none"


def _quantile(seconds: list[float], share: float) -> float:
    """Milliseconds."""
    return seconds[min(len(seconds) - 1, int(len(seconds) * share))] * 1000 if seconds else 0.0
