"""Whoever tries many keys that nobody has is refused before they are looked up."""

import math
import time
from collections.abc import Callable, Iterator
from functools import partial

from extauth.check.failures import Failures
from extauth.check.steps import Check, Verdict, refuse
from extauth.policy.key_guessing import FailureLimit, KeyGuessing
from extauth.policy.reasons import Reason
from extauth.telemetry.logs import logger
from extauth.telemetry.sidecar_metrics import SidecarMetrics

_log = logger(__name__)
_FAILURES = frozenset({Reason.MALFORMED_KEY, Reason.INVALID_KEY})
_LONGEST_TENANT = 128  # characters; no tenant of the registry has more
_QUIET = 1.0  # seconds between lines in the log

Wait = Callable[[Failures, str], float]


class KeyGuard:
    """Counts failures by what a request says of its sender. `clock` in monotonic seconds."""

    def __init__(
        self, settings: KeyGuessing, metrics: SidecarMetrics, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.settings = settings
        self._clock = clock
        self._addresses = _failures(settings.by_address, clock)
        self._tenants = _failures(settings.by_tenant, clock)
        self._quiet_until = 0.0
        for name, failures in (("address", self._addresses), ("tenant", self._tenants)):
            metrics.guessing_sources.labels(name).set_function(partial(_count, failures))

    def before_lookup(self, check: Check) -> Verdict | None:
        """A refusal, where nothing more is to be looked up for the sender."""
        wait, _ = self._longest(check, Failures.wait)
        return _refuse(check, wait) if wait else None

    def refuse(self, check: Check, reason: Reason) -> Verdict:
        """End the check with this reason; with another one when it is one failure too many."""
        if reason not in _FAILURES:
            return refuse(check, reason)
        wait, source = self._longest(check, Failures.add)
        if not wait:
            return refuse(check, reason)
        now = self._clock()
        if now >= self._quiet_until:
            self._quiet_until = now + _QUIET
            _log.warning("too_many_failures", api=check.api.name, source=source, wait=math.ceil(wait))
        return _refuse(check, wait)

    def _longest(self, check: Check, ask: Wait) -> tuple[float, str]:
        waits = [(ask(failures, source), source) for failures, source in self._sources(check)]
        return max(waits, default=(0.0, ""))

    def _sources(self, check: Check) -> Iterator[tuple[Failures, str]]:
        if self._addresses is not None and (address := check.api.address_of(check.request)):
            yield self._addresses, address
        if self._tenants is not None:
            tenant = check.api.tenant.named(check.request)
            if tenant and len(tenant) <= _LONGEST_TENANT:
                yield self._tenants, tenant


def _failures(limit: FailureLimit | None, clock: Callable[[], float]) -> Failures | None:
    return None if limit is None else Failures(limit.rate.amount / limit.rate.period, limit.burst, clock)


def _count(failures: Failures | None) -> float:
    return 0 if failures is None else len(failures)


def _refuse(check: Check, wait: float) -> Verdict:
    return refuse(check, Reason.TOO_MANY_FAILURES, headers=[("retry-after", str(math.ceil(wait)))])
