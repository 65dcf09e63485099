"""What a run must show, and whether it did."""

from collections.abc import Iterator

from extauth.store.lease import HOLD
from tests.accuracy.goals import Goal
from tests.soak.footprint import MIB
from tests.soak.run import Findings
from tests.soak.site import EXACT_RATE, LEASED_RATE

GROWTH = {"sidecar 1": 8, "sidecar 2": 8, "registry": 16, "redis": 16, "envoy": 8}
"""MiB that each may have more at the end than when it had settled."""
FILES = 20
"""Open files that each may have more then."""
_ROUNDING = 1


def admissible(found: Findings) -> dict[str, float]:
    """Requests that a tight API may admit in the whole run: `burst + rate * T`, and what leases may add to it.

    And what local buckets did while Redis did not answer in time, of which it knows nothing.
    """
    exact, leased = (rate * (1 + found.seconds) + _ROUNDING for rate in (EXACT_RATE, LEASED_RATE))
    most = {"tight-exact": exact, "tight-leased": leased + LEASED_RATE * HOLD}
    return {api: bound + found.local[api] for api, bound in most.items()}


def goals(found: Findings) -> Iterator[Goal]:
    yield Goal("wrong verdicts", 0, found.tally.wrong.total())
    yield Goal("changes that the registry did not make", 0, found.failures.total())
    for api, most in admissible(found).items():
        yield Goal(f"requests that `{api}` admitted", int(most), found.tally.admitted[api])
    first, last = found.settled[0], found.settled[-1]
    for name, most in GROWTH.items():
        grown = (last.of[name].own - first.of[name].own) / MIB
        yield Goal(f"memory of {name}: growth since it had settled, MiB", most, grown)
    for name in GROWTH:
        opened = last.of[name].files - first.of[name].files
        yield Goal(f"open files of {name}: growth since then", FILES, opened)
