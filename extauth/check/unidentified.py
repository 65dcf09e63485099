"""What becomes of a check when neither memory nor Redis can say whose key it is."""

from collections.abc import Callable, Sequence

from extauth.check.clocks import Clocks
from extauth.check.grant import Grant
from extauth.check.permit import in_force
from extauth.check.steps import Check, Step, Wait, refuse
from extauth.keys.record import KeyRecord
from extauth.policy.reasons import Reason
from extauth.telemetry.logs import logger

_log = logger(__name__)
_QUIET = 10.0  # seconds between lines in the log

Authorize = Callable[[Check, Grant], Step]
"""What comes after the caller is known."""


class Unidentified:
    """Refuses such checks as a fault of ours, or lets them pass as nobody's where the API's `outage` says so."""

    def __init__(self, clocks: Clocks) -> None:
        self._clocks = clocks
        self._quiet_until = 0.0

    def go_on(
        self, check: Check, last_known: Sequence[KeyRecord], authorize: Authorize, *, redis_is_away: bool
    ) -> Step:
        """`last_known` is what memory has of the key, however old: one that was refused then is not let in now."""
        api = check.api
        now = int(self._clocks.wall() * 1000)
        if not (
            api.outage.lets_anyone_in
            and redis_is_away
            and api.permits.admits(check.request, api.nobody.scopes)
            and all(in_force(record, now) is Reason.OK for record in last_known)
        ):
            return refuse(check, Reason.UNAVAILABLE)
        self._tell(api.name)
        check.grant = None  # what a token says counts only while its revocation can be looked up
        return _as_nobody(authorize(check, api.nobody))

    def _tell(self, api: str) -> None:
        now = self._clocks.monotonic()
        if now >= self._quiet_until:
            self._quiet_until = now + _QUIET
            _log.warning("letting_anyone_in", api=api)


def _as_nobody(step: Step) -> Step:
    """A pass that tells metrics and the log that it was for nobody."""
    if isinstance(step, Wait):
        return Wait(lambda go_on: step.begin(lambda after: go_on(_as_nobody(after))))
    reason, response = step
    return (Reason.ALLOWED_UNIDENTIFIED, response) if reason is Reason.OK else step
