"""What trials found, as rows: for tables, CSV and JSON."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest
from typing import Any

from extauth.simulate.caller_count import CallerCount
from extauth.simulate.times import iso
from extauth.simulate.trial import LimitCount, Trial
from extauth.simulate.tried_limit import Caller

_PLACES = 6
_LONGEST = 200  # characters of what tells a caller


@dataclass(frozen=True, slots=True)
class Refused:
    """Requests that a limit had no tokens for. Times in microseconds since 1970, 0 where there was no refusal."""

    requests: int
    limited: int
    first: int
    last: int
    worst_minute: int
    worst_limited: int
    burst_needed: int
    """The burst with which the limit's rate would have let all of them through."""

    def row(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "limited": self.limited,
            "share": share(self.limited, self.requests),
            "first": iso(self.first) if self.limited else None,
            "last": iso(self.last) if self.limited else None,
            "worst_minute": iso(self.worst_minute) if self.limited else None,
            "worst_minute_limited": self.worst_limited,
            "burst_needed": self.burst_needed,
        }


def limit_rows(trials: Iterable[Trial]) -> Iterator[dict[str, Any]]:
    """One for each limit of each candidate. The worst minute is that of one caller."""
    for trial in trials:
        for found in trial.limits:
            counts = found.callers.values()
            yield {
                "candidate": trial.candidate.name,
                "limit": found.limit.name,
                "callers": len(counts),
                "callers_limited": sum(count.limited > 0 for count in counts),
                **_sum(found).row(),
            }


def caller_rows(trials: Iterable[Trial], top: int) -> Iterator[dict[str, Any]]:
    """The callers who were refused most, so many for each limit of each candidate."""
    for trial in trials:
        for found in trial.limits:
            limited = [entry for entry in found.callers.items() if entry[1].limited]
            for caller, count in nlargest(top, limited, key=lambda entry: entry[1].limited):
                yield {
                    "candidate": trial.candidate.name,
                    "limit": found.limit.name,
                    "caller": told(caller),
                    **_of(count, found).row(),
                }


def candidate_rows(trials: Iterable[Trial]) -> Iterator[dict[str, Any]]:
    """One for each candidate, whichever of its limits refused."""
    for trial in trials:
        yield {
            "candidate": trial.candidate.name,
            "limits": "; ".join(map(str, trial.candidate.limits)),
            "requests": trial.requests,
            "limited": trial.limited,
            "share": share(trial.limited, trial.requests),
        }


def compared(trials: Sequence[Trial], top: int) -> list[dict[str, Any]]:
    """Callers by the fields that limits are by, and how many of their requests each candidate refused.

    Several limits of a candidate that are by the same fields show the one that refused most.
    """
    found: dict[tuple[tuple[str, ...], tuple[str, ...]], dict[str, int]] = {}
    for trial in trials:
        for limit in trial.limits:
            for caller, count in limit.callers.items():
                if count.limited:
                    cells = found.setdefault((limit.limit.by, caller), {})
                    cells[trial.candidate.name] = max(cells.get(trial.candidate.name, 0), count.limited)
    most = nlargest(top, found.items(), key=lambda entry: max(entry[1].values()))
    return [
        {"by": "+".join(by), "caller": told(caller)}
        | {trial.candidate.name: cells.get(trial.candidate.name, 0) for trial in trials}
        for (by, caller), cells in most
    ]


def told(caller: Caller) -> str:
    """For people: clients may have chosen the values, and nothing of them is to act on a terminal."""
    text = " ".join(value or "-" for value in caller)
    return "".join([char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[:_LONGEST]])


def share(part: int, whole: int) -> float:
    return round(part / whole, _PLACES) if whole else 0.0


def _of(count: CallerCount, found: LimitCount) -> Refused:
    return Refused(
        count.requests,
        count.limited,
        count.first,
        count.last,
        count.worst_minute,
        count.worst_limited,
        count.burst_needed(found.limit.shape),
    )


def _sum(found: LimitCount) -> Refused:
    limited = [count for count in found.callers.values() if count.limited]
    worst = max(limited, key=lambda count: count.worst_limited, default=None)
    return Refused(
        requests=sum(count.requests for count in found.callers.values()),
        limited=sum(count.limited for count in limited),
        first=min((count.first for count in limited), default=0),
        last=max((count.last for count in limited), default=0),
        worst_minute=worst.worst_minute if worst else 0,
        worst_limited=worst.worst_limited if worst else 0,
        burst_needed=max((count.burst_needed(found.limit.shape) for count in found.callers.values()), default=0),
    )
