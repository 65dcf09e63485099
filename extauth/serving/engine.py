"""The decision in use: made from settings, and made anew when the policy changes, while checks go on."""

from collections.abc import Sequence
from dataclasses import dataclass

from extauth.check.api import ServedApi
from extauth.check.check_log import CheckLog, Write
from extauth.check.clocks import Clocks
from extauth.check.decide import CountUsage, Decider
from extauth.check.denial import Denials
from extauth.check.guessing import KeyGuard
from extauth.check.identify import Identifier
from extauth.check.keys import KeyLookup
from extauth.check.shedding import Shed, Shedding
from extauth.check.tally import NO_API, Tally
from extauth.check.tokens import Tokens
from extauth.keys.digest import Pepper
from extauth.policy.settings import SidecarSettings
from extauth.serving.transport import PendingAnswer
from extauth.store.buckets import TokenBuckets
from extauth.store.key_reader import KeyReader
from extauth.store.names import Names
from extauth.store.near_cache import NearCache
from extauth.telemetry.logs import logger
from extauth.telemetry.sidecar_metrics import SidecarMetrics

_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What every decision of a process is made with, whatever its policy."""

    names: Names
    cache: NearCache
    reader: KeyReader
    buckets: TokenBuckets
    tokens: Tokens
    peppers: Sequence[Pepper]
    metrics: SidecarMetrics
    count_usage: CountUsage
    write_log: Write


class Engine:
    """A transport's handler. A check that has begun ends by the policy that it began with."""

    def __init__(self, parts: Parts, settings: SidecarSettings) -> None:
        self._parts = parts
        self._guard = KeyGuard(settings.key_guessing, parts.metrics)
        self._decider = self._make(settings)
        self._shedding = Shedding(settings.errors, parts.metrics)

    def apply(self, settings: SidecarSettings) -> None:
        """Decide by another policy from now on. Who was guessing keys is remembered while the bounds are the same."""
        if settings.key_guessing != self._guard.settings:
            self._guard = KeyGuard(settings.key_guessing, self._parts.metrics)
        self._decider = self._make(settings)
        self._shedding = Shedding(settings.errors, self._parts.metrics)

    def decide(self, message: bytes, deadline: float) -> bytes | PendingAnswer:
        return self._decider.decide(message, deadline)

    def unavailable(self, message: bytes) -> bytes:
        return self._decider.unavailable(message)

    def overloaded(self, message: bytes, cause: Shed) -> bytes:
        return self._shedding.answer(message, cause)

    def untrusted(self, message: bytes) -> bytes:
        return self._decider.untrusted(message)

    def _tally(self, settings: SidecarSettings) -> Tally:
        return Tally(self._parts.metrics, settings.apis)

    def _make(self, settings: SidecarSettings) -> Decider:
        parts = self._parts
        for api in settings.apis:
            if api.outage.unknown_keys == "let_anyone_in":
                _log.warning("anyone_is_let_in_while_redis_is_away", api=api.name)
        tally, clocks = self._tally(settings), Clocks()
        keys = KeyLookup(parts.peppers, settings.keys.prefixes, parts.cache, accepts_imported=settings.keys.imported)
        return Decider(
            [
                ServedApi(api, parts.names, settings.errors, settings.outage, parts.buckets.wall)
                for api in settings.apis
            ],
            Denials(NO_API, templates=[settings.errors]),
            Identifier(keys, parts.tokens, parts.reader, tally, clocks, self._guard),
            parts.buckets,
            tally,
            parts.count_usage,
            clocks,
            CheckLog(settings.check_log, parts.write_log, clocks.monotonic),
        )
