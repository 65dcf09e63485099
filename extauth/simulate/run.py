"""Every candidate on the same arrivals, in one pass."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from extauth.simulate.candidate import Candidate
from extauth.simulate.log import Passed, Reading, arrivals
from extauth.simulate.order import merged, ordered
from extauth.simulate.trial import Trial


@dataclass(frozen=True, slots=True)
class Outcome:
    """A trial for each candidate, and what went by."""

    trials: Sequence[Trial]
    passed: Passed


def run(candidates: Sequence[Candidate], logs: Sequence[str], reading: Reading, tell: Callable[[str], None]) -> Outcome:
    """`tell` hears of each bad line. Raises LogError."""
    trials = [Trial(candidate) for candidate in candidates]
    passed = Passed()
    for arrival in merged(*(ordered(arrivals(log, reading, passed, tell)) for log in logs)):
        for trial in trials:
            trial.arrive(arrival)
    return Outcome(trials, passed)
