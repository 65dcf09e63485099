"""What a key can be, and what a check that meets it may answer. Times are monotonic seconds of this machine."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

OK, MISSING_SCOPE = "ok", "missing_scope"
EXPIRED, DISABLED, REVOKED, INVALID = "expired_key", "disabled_key", "revoked_key", "invalid_key"
CLOCKS = 0.005
"""Seconds: the registry and the record keep whole milliseconds of another clock."""


class Moment(NamedTuple):
    """A time of which only the bounds are known."""

    earliest: float
    latest: float

    def or_sooner(self, other: "Moment") -> "Moment":
        return Moment(min(self.earliest, other.earliest), min(self.latest, other.latest))


NEVER = Moment(math.inf, math.inf)


class Standing(Enum):
    """What the registry has decided of a key."""

    ABSENT = auto()
    ACTIVE = auto()
    DISABLED = auto()
    REVOKED = auto()


_REFUSALS = {Standing.ABSENT: INVALID, Standing.DISABLED: DISABLED, Standing.REVOKED: REVOKED}


@dataclass(frozen=True, slots=True)
class KeyState:
    """Between two changes."""

    standing: Standing
    scopes: frozenset[str] = frozenset()
    expiry: Moment = NEVER

    def answers(self, begun: float, ended: float, scope: str | None) -> Iterator[str]:
        """What a check between these times may be told, on an API that asks for a scope or for none."""
        if self.standing is not Standing.ACTIVE:
            yield _REFUSALS[self.standing]
            return
        if begun < self.expiry.latest + CLOCKS:
            yield OK if scope is None or scope in self.scopes else MISSING_SCOPE
        if ended > self.expiry.earliest - CLOCKS:
            yield EXPIRED


ABSENT = KeyState(Standing.ABSENT)
