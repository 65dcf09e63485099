"""A check that must wait for an answer from elsewhere."""

import threading
from collections.abc import Callable

from extauth.check.steps import Step, Verdict, Wait


class Pending:
    """Ends exactly once: with the verdict that the answers lead to, or by `expire` when they take too long."""

    __slots__ = ("_count", "_deliver", "_done", "_expired", "_first", "_lock")

    def __init__(self, first: Wait, expired: Callable[[], Verdict], count: Callable[[Verdict], None]) -> None:
        self._first = first
        self._expired = expired
        self._count = count
        self._deliver: Callable[[bytes], None] | None = None
        self._done = False
        self._lock = threading.Lock()

    def then(self, deliver: Callable[[bytes], None]) -> None:
        """Begin; `deliver` is called with the CheckResponse, perhaps on another thread, at most once."""
        self._deliver = deliver
        self._first.begin(self._go_on)

    def expire(self) -> bytes | None:
        """Give up: the answer to send, or None when `deliver` has been or is being called."""
        if not self._finish():
            return None
        verdict = self._expired()
        self._count(verdict)
        return verdict[1]

    def _go_on(self, step: Step) -> None:
        # A method, not a closure that knows itself: that would be garbage for the collector after each check.
        if isinstance(step, Wait):
            step.begin(self._go_on)
        elif self._finish():
            assert self._deliver is not None
            self._count(step)
            self._deliver(step[1])

    def _finish(self) -> bool:
        with self._lock:
            first, self._done = not self._done, True
            return first
