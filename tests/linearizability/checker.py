"""Whether a recorded history can be explained: by what the registry had decided, and by what could be known of it."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tests.linearizability.key_pool import PooledKey
from tests.linearizability.key_state import INVALID, REVOKED
from tests.linearizability.troubles import Calendar

UNAVAILABLE, UNANSWERED = "unavailable", "unanswered"
NO_VERDICT = {UNAVAILABLE, UNANSWERED}


class Fault(StrEnum):
    """What can be wrong with an answer."""

    NEVER_RIGHT = "no state of the key has ever allowed this answer"
    TOO_OLD = "the answer belongs to a state that had to be forgotten by then"
    LET_IN_AGAIN = "the same sidecar had refused this key for good before"


@dataclass(frozen=True, slots=True)
class Asked:
    """One check of one sidecar process. Another process in the same place has another `run`."""

    place: str
    run: int
    key: PooledKey
    scope: str | None
    begun: float
    ended: float
    answer: str


@dataclass(frozen=True, slots=True)
class Violation:
    """`late` seconds after the last moment at which the answer could be right; infinite when there was none."""

    fault: Fault
    asked: Asked
    late: float


def violations(checks: Sequence[Asked], calendar: Calendar) -> Iterator[Violation]:
    """All that cannot be explained."""
    for asked in checks:
        if asked.answer not in NO_VERDICT:
            yield from _judge(asked, calendar)
    yield from _let_in_again(checks)


def age(asked: Asked) -> float:
    """Seconds from the last moment at which the answer could be right until it was asked for; 0 when it still was."""
    until = asked.key.history.right_until(asked.answer, asked.begun, asked.ended, asked.scope)
    return math.inf if until is None else max(0.0, asked.begun - until)


def _judge(asked: Asked, calendar: Calendar) -> Iterator[Violation]:
    late = age(asked)
    if late == math.inf:
        yield Violation(Fault.NEVER_RIGHT, asked, late)
    elif late > 0 and calendar.must_know(asked.place, asked.begun - late, asked.begun):
        yield Violation(Fault.TOO_OLD, asked, late)


def _let_in_again(checks: Sequence[Asked]) -> Iterator[Violation]:
    """A process that has said that a key is revoked says nothing else of it afterwards, whatever happens."""
    refused: dict[tuple[str, int, str], float] = defaultdict(lambda: math.inf)
    for asked in checks:
        if asked.answer == REVOKED:
            refused[_who(asked)] = min(refused[_who(asked)], asked.ended)
    for asked in checks:
        since = refused.get(_who(asked), math.inf)
        if asked.begun > since and asked.answer not in {REVOKED, INVALID, *NO_VERDICT}:
            yield Violation(Fault.LET_IN_AGAIN, asked, asked.begun - since)


def _who(asked: Asked) -> tuple[str, int, str]:
    return asked.place, asked.run, asked.key.secret
