"""Faults of one part: what is done to it, and what callers may be told meanwhile."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tests.faults.check_watch import Verdicts

LASTS = 2.5
"""Seconds that a fault lasts, unless it takes as long as it takes."""
Fault = Callable[[Any], AbstractContextManager[None]]
"""Takes the scene on which it happens, or its site; a context in which it does."""
Outcomes = Mapping[str, set[str]]
"""By kind of caller."""


class Scene(Protocol):
    """Processes that work, and callers."""

    def suffer(self, fault: Fault) -> Verdicts:
        """Let callers ask while it happens, and a moment after it."""

    def expect_recovery(self) -> None:
        """Fail unless all is as before, without a restart of anything that was not killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The faults of one part, by name."""

    title: str
    part: str
    """Heads the column of names."""
    text: str
    """What a reader of the table has to know, in paragraphs."""
    begin: Callable[[Path], AbstractContextManager[Scene]]
    faults: Mapping[str, Fault]
    allowed: Outcomes
    exceptions: Mapping[str, Outcomes] = field(default_factory=dict)
    """Where a fault allows something else, by its name."""
    timed: str = "known"
    """Whose times are told."""
    each_alone: bool = False
    """Whether each fault needs processes that have suffered nothing before."""

    def outcomes_of(self, name: str) -> Outcomes:
        """What may be told while a fault happens."""
        return {**self.allowed, **self.exceptions.get(name, {})}


def forbidden(group: Group, name: str, verdicts: Verdicts) -> Mapping[str, set[str]]:
    """What was told and should not have been, by kind of caller; a kind that nobody asked for is not told of."""
    allowed = group.outcomes_of(name)
    assert verdicts.keys() == allowed.keys()
    found = {kind: set(told.outcomes) - allowed[kind] for kind, told in verdicts.items()}
    return {kind: outcomes for kind, outcomes in found.items() if outcomes}
