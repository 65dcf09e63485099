"""A check that must wait for Redis."""

import threading
from collections.abc import Callable
from typing import NamedTuple

from extauth.policy.reasons import Reason


class Verdict(NamedTuple):
    """How a check ended, and the serialised CheckResponse that says so."""

    reason: Reason
    response: bytes


class Pending:
    """Ends exactly once: with the verdict that Redis makes possible, or by `expire` when that takes too long."""

    __slots__ = ("_begin", "_count", "_done", "_expired", "_lock")

    def __init__(
        self,
        begin: Callable[[Callable[[Verdict], None]], None],
        expired: Callable[[], Verdict],
        count: Callable[[Verdict], None],
    ) -> None:
        self._begin = begin
        self._expired = expired
        self._count = count
        self._done = False
        self._lock = threading.Lock()

    def then(self, deliver: Callable[[bytes], None]) -> None:
        """Begin; `deliver` is called with the CheckResponse, perhaps on another thread, at most once."""

        def first_only(verdict: Verdict) -> None:
            if self._finish():
                self._count(verdict)
                deliver(verdict.response)

        self._begin(first_only)

    def then_conclude(self, conclude: Callable[[Verdict], None]) -> None:
        """Begin as a further step of another Pending, which ends for both."""
        self._begin(conclude)

    def expire(self) -> bytes | None:
        """Give up: the answer to send, or None when `deliver` has been or is being called."""
        if not self._finish():
            return None
        verdict = self._expired()
        self._count(verdict)
        return verdict.response

    def _finish(self) -> bool:
        with self._lock:
            first, self._done = not self._done, True
            return first
