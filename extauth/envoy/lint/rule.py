"""What a rule is, what it finds, and what it may know."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from extauth.envoy.lint.node import Node


class Severity(StrEnum):
    """From the worst down."""

    ERROR = "error"
    """Requests pass that should not, or none do."""
    WARNING = "warning"
    """A guard is missing."""
    NOTE = "note"
    """Worth knowing."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What else the file says, and what the sidecar's own settings do when they are given."""

    clusters: Mapping[str, Node]
    identity_headers: tuple[str, ...] = ()
    """Headers in which the sidecar tells the upstream who calls."""
    check_headers: tuple[str, ...] = ()
    """Headers that the sidecar needs to see."""
    check_timeout: float | None = None
    """Seconds that the sidecar may take."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that may be wrong. `find` yields the fields at fault, each of which is one finding."""

    name: str
    severity: Severity
    reason: str
    """Why it matters."""
    remedy: str
    """What to write instead."""
    find: Callable[[Node, Surroundings], Iterable[Node]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that a field breaks."""

    rule: Rule
    node: Node


def when(condition: bool, node: Node) -> tuple[Node, ...]:  # noqa: FBT001 (reads as a sentence: when x, node)
    """The node at fault under a condition."""
    return (node,) if condition else ()
