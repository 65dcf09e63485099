"""All that became of one key, in the order in which its only writer did it."""

import math
from dataclasses import dataclass

from tests.linearizability.key_state import ABSENT, KeyState


@dataclass(slots=True)
class Change:
    """The registry committed it at some time from `begun` to `ended`, which is infinite while nobody knows."""

    begun: float
    state: KeyState
    ended: float = math.inf

    def end(self, now: float, state: KeyState | None = None) -> None:
        """It has been answered; `state`, when more is known of it now."""
        self.state = state or self.state
        self.ended = now


class KeyHistory:
    """One writer; any number of readers, at any time."""

    def __init__(self) -> None:
        self.changes = [Change(-math.inf, ABSENT, -math.inf)]

    @property
    def state(self) -> KeyState:
        """The newest that was asked for."""
        return self.changes[-1].state

    def begin(self, now: float, state: KeyState) -> Change:
        """Before the registry is asked."""
        change = Change(now, state)
        self.changes.append(change)
        return change

    def right_until(self, answer: str, begun: float, ended: float, scope: str | None) -> float | None:
        """Until when a check between these times might have been answered so by a sidecar that knew all there was.

        Infinite while that is so, None for an answer that is wrong whatever was known when.
        """
        end = math.inf
        for change in reversed(list(self.changes)):
            if change.begun <= ended and answer in change.state.answers(begun, ended, scope):
                return end
            end = min(end, change.ended)  # whatever came before it is over by then
        return None
