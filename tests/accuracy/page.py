"""docs/limits-accuracy.md, from what a run found."""

import platform
import subprocess
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from extauth.demo import binaries
from extauth.store.bucket import Shape
from extauth.store.lease import HOLD
from tests.accuracy import fleets
from tests.accuracy.goals import bound, goals
from tests.accuracy.measure import BRIMFUL_LIMIT, LIMIT, MODES, Found, Mode
from tests.accuracy.offered import BRIMFUL, TRAFFIC, Traffic
from tests.bench.processes import machine
from tests.bench.tables import table

_WIDTH = 120
_BURSTS: Mapping[Traffic, Shape] = {"bursty": LIMIT, BRIMFUL: BRIMFUL_LIMIT}


@dataclass(frozen=True, slots=True)
class Findings:
    """All of one run."""

    seconds: float
    measured: Sequence[Found]
    simulated: fleets.Findings


def page(found: Findings) -> str:
    sections = [f"\n## {heading}\n\n{write(found)}" for heading, write in SECTIONS.items()]
    return "".join([_opening(found), *sections])


def _opening(found: Findings) -> str:
    text = f"""
Measured on {machine()}; Python {platform.python_version()}, Redis {_redis_version()}, other work going on beside it.

So many processes, each with the sidecar's own buckets, leases and connection to Redis, are asked together for tokens
of one bucket: {_limit(LIMIT)}, for {found.seconds:g} seconds that begin with a full bucket. Offered is so many times
the rate: at an even pace (`steady`), or each second's requests within a fifth of it (`bursty`); so at 1x a burst is
all that the bucket holds, each time that it is full again.

Ideal is what one bucket in one place admits of the same requests at the same times: for a request that was answered
by Redis the time at which Redis ran the script, for others that of the answer. A share above 100 % is within the
bound of leases.
"""
    return (
        "\n\n".join(["<!-- written by `make limits-accuracy` -->\n# How near limits are kept", *_filled(text)]) + "\n"
    )


def _goals(found: Findings) -> str:
    rows = [
        [
            goal.text,
            f"at {'least' if goal.is_least else 'most'} {goal.bound:g}",
            f"{round(goal.value, 4):g}, {'met' if goal.is_met else '**not met**'}",
        ]
        for goal in goals(found.measured, LIMIT)
    ]
    return table(["", "goal", "found"], rows)


def _exact(found: Findings) -> str:
    return "Admitted, of the ideal.\n\n" + _by_load(found, "exact", lambda one: f"{one.share:.2%}")


def _leased(found: Findings) -> str:
    return "Admitted, of the ideal.\n\n" + _by_load(found, "leased", lambda one: f"{one.share:.2%}")


def _excess(found: Findings) -> str:
    note = f"""By how many requests more was admitted than `burst + rate * T` in any window of time T, for the window
        where that is most. The bound is `rate * {HOLD:g} s`: {bound(LIMIT):g} requests. An exact bucket has 0; 0
        stands, too, where the bucket was never empty."""
    return "\n".join(_filled(note)) + "\n\n" + _by_load(found, "leased", lambda one: f"{max(one.excess, 0):.1f}")


def _brimful(found: Findings) -> str:
    note = f"""Hard for leases, since what one process has taken ahead another one lacks: at 1x, all {LIMIT.burst:,}
        tokens of the bucket within a fifth of a second, every second (the `bursty` of above), and all
        {BRIMFUL_LIMIT.burst:,} of a larger one, every two seconds. Admitted, of the ideal:"""
    at_limit = [one for one in found.measured if one.case.load == 1 and one.case.traffic in _BURSTS]
    cases = {(one.case.processes, one.case.mode, one.case.traffic): one for one in at_limit}
    columns = [(mode, traffic) for mode in MODES for traffic in _BURSTS]
    rows = [
        [f"{processes}", *(f"{cases[processes, *column].share:.2%}" for column in columns)]
        for processes in dict.fromkeys(processes for processes, _, _ in cases)
    ]
    headings = [f"{mode}, {_BURSTS[traffic].burst:,}" for mode, traffic in columns]
    return "\n".join(_filled(note)) + "\n\n" + table(["processes", *headings], rows)


def _calls(found: Findings) -> str:
    counts = _by_load(found, "leased", lambda one: f"{one.calls_per_thousand:,.0f}")
    note = """Leased; an exact limit has 1,000. The requests before there is a lease are among them. A process leases
        when it is asked about 53 times a second or more, and asks Redis each time below that, as each of eight
        processes does at 0.9 times the limit, and near the end of what is in the bucket."""
    return "\n".join(_filled(note)) + f"\n\n{counts}"


def _offered(found: Findings) -> str:
    loads, modes = _loads(found), dict.fromkeys(one.case.mode for one in found.measured)
    rows = [[mode, *(f"{_least_offered(found, mode, load):,.0f}" for load in loads)] for mode in modes]
    text = "Requests a second that really came, the least of all runs of a load.\n\n"
    return text + table(["", *(f"{load:g}x" for load in loads)], rows)


def _simulation(found: Findings) -> str:
    simulated = found.simulated
    offered = simulated.keys[0].fleet.offered
    one, growing, keys = (
        "\n".join(_filled(text))
        for text in (
            f"""The same code for leases, refusals and buckets runs over the model of Redis' scripts, in simulated time,
            half a millisecond from Redis; requests come by chance (Poisson) to any replica. One caller with a limit of
            {_limit(fleets.ONE_CALLER)}, however many replicas share it:""",
            """Calls grow with the replicas until each is too slow for leases, and stay near one a check from there on.
            A limit that grows with the fleet, at 1.5 times what it admits:""",
            f"""{fleets.KEYS:,} keys, each with {_limit(fleets.EACH_KEY)}, {offered:,.0f} requests a second in all. The
            more skewed the keys, the more of the traffic is of few quick callers, who are leased:""",
        )
    )
    return "\n\n".join(
        [
            one,
            fleets.one_caller_table(simulated.one_caller) + "\n" + growing,
            fleets.growing_table(simulated.growing) + "\n" + keys,
            fleets.keys_table(simulated.keys),
        ]
    )


def _by_load(found: Findings, mode: Mode, tell: Callable[[Found], str]) -> str:
    loads = _loads(found)
    cases = {(one.case.processes, one.case.traffic, one.case.load): one for one in _of(found, mode)}
    rows = [
        [f"{processes}", traffic, *(tell(cases[processes, traffic, load]) for load in loads)]
        for processes, traffic in dict.fromkeys((processes, traffic) for processes, traffic, _ in cases)
    ]
    return table(["processes", "traffic", *(f"{load:g}x" for load in loads)], rows)


def _of(found: Findings, mode: Mode) -> Sequence[Found]:
    return [one for one in found.measured if one.case.mode == mode and one.case.traffic in TRAFFIC]


def _least_offered(found: Findings, mode: Mode, load: float) -> float:
    return min(one.offered for one in _of(found, mode) if one.case.load == load)


def _loads(found: Findings) -> Sequence[float]:
    return list(dict.fromkeys(one.case.load for one in found.measured))


def _limit(shape: Shape) -> str:
    return f"{shape.rate:,.0f}/s with a burst of {shape.burst:,}"


def _filled(text: str) -> list[str]:
    return [textwrap.fill(" ".join(paragraph.split()), _WIDTH) for paragraph in text.strip().split("\n\n")]


def _redis_version() -> str:
    command = [str(binaries.redis_server()), "--version"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return text.partition("v=")[2].partition(" ")[0]


SECTIONS: dict[str, Callable[[Findings], str]] = {
    "Goals": _goals,
    "Exact": _exact,
    "Leased": _leased,
    "Leased: above the limit": _excess,
    "Bursts as large as the bucket": _brimful,
    "Redis calls per 1,000 checks": _calls,
    "Offered": _offered,
    "A thousand replicas and a million keys": _simulation,
}
