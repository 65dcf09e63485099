"""A line in the log for checks that are chosen for it. No secret is in it: of a key its id, of a path no query."""

import random
import threading
from collections.abc import Callable, Mapping

from extauth.check.request import Request
from extauth.check.steps import Check
from extauth.keys.token import key_id_of
from extauth.policy.check_log import CheckLogSettings
from extauth.policy.reasons import ALLOWING, Reason

_LONGEST = 256  # characters of what the client chose

Write = Callable[[Mapping[str, object]], bool]
"""Take a line to write, without waiting; False when there is no room for it."""


class CheckLog:
    """From any thread. `clock` in monotonic seconds."""

    def __init__(self, settings: CheckLogSettings, write: Write, clock: Callable[[], float]) -> None:
        self._allowed = settings.allowed
        self._refused = settings.refused
        self._per_second = settings.per_second
        self._write = write
        self._clock = clock
        self._second = -1
        self._lines = 0
        self._left_out = 0
        self._lock = threading.Lock()

    def wants(self, reason: Reason) -> bool:
        """Whether the dice say that a check with this end is to be told of."""
        share = self._allowed if reason in ALLOWING else self._refused
        return share > 0 and random.random() < share  # noqa: S311 (no secret)

    def tell(self, check: Check, reason: Reason, seconds: float) -> None:
        """Of a check of an API."""
        caller = check.grant.caller if check.grant else None
        key_id = caller.id if caller else key_id_of(check.credential)
        tenant = caller.tenant if caller else None
        self._tell(check.request, api=check.api.name, reason=reason, key_id=key_id, tenant=tenant, seconds=seconds)

    def tell_unrouted(self, request: Request | None, reason: Reason, seconds: float) -> None:
        """Of a request that belongs to no API."""
        self._tell(request, api=None, reason=reason, key_id=None, tenant=None, seconds=seconds)

    def _tell(self, request: Request | None, reason: Reason, seconds: float, **fields: str | None) -> None:
        left_out = self._left_out_before()
        if left_out is None:
            return
        told = {name: value for name, value in fields.items() if value}
        if request is not None:
            told |= {"method": _clipped(request.method), "host": _clipped(request.host), "path": _clipped(request.path)}
            request_id = request.headers.get("x-request-id")
            told |= {"request_id": _clipped(request_id)} if request_id else {}
        line = {"reason": reason.value, **told, "microseconds": round(seconds * 1e6)}
        if not self._write({**line, "left_out": left_out} if left_out else line):
            self._leave_out(left_out + 1)

    def _left_out_before(self) -> int | None:
        """How many lines were left out since the last one; None when this one must be too."""
        second = int(self._clock())
        with self._lock:
            if second != self._second:
                self._second, self._lines = second, 0
            if self._lines >= self._per_second:
                self._left_out += 1
                return None
            self._lines += 1
            left_out, self._left_out = self._left_out, 0
        return left_out

    def _leave_out(self, count: int) -> None:
        with self._lock:
            self._left_out += count


def _clipped(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
