"""Where one issuer's keys come from: the last good ones, and when to look for newer ones."""

import random
import time
from collections.abc import Callable
from typing import NamedTuple

from prometheus_client import Counter

from extauth.bearer.errors import IssuerUnavailableError
from extauth.bearer.key_set import KeySet
from extauth.telemetry.logs import logger

_log = logger(__name__)

_FIRST_RETRY = 1.0  # seconds; doubled with each failure in a row
_LAST_RETRY = 60.0
_BETWEEN_MISSES = 10.0  # seconds at least between two attempts, however many unknown keys are named
_NEVER = float("-inf")


class Origin(NamedTuple):
    """How keys are read, and every how many seconds. Both calls raise IssuerUnavailableError."""

    read: Callable[[], bytes]
    parse: Callable[[bytes], KeySet]
    pace: float


class KeySource:
    """`refresh` is for the one thread that reads keys; all else is for any thread and never waits."""

    def __init__(
        self,
        name: str,
        origin: Origin,
        failures: Counter,
        wake: Callable[[], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.keys: KeySet | None = None
        """The last good keys; they serve for as long as no newer ones can be read."""
        self.error: str | None = None
        """Why the last attempt failed, None when it did not."""
        self.due = _NEVER
        """When to read next, monotonic seconds."""
        self._origin = origin
        self._failures = failures
        self._wake = wake
        self._clock = clock
        self._document = b""
        self._failed = 0
        self._tried_at = _NEVER
        self._read_at = _NEVER

    def age(self) -> float:
        """Seconds since the keys were last read, changed or not; infinite before the first time."""
        return self._clock() - self._read_at

    def missed(self) -> None:
        """A token names a key that is not here: read again soon, unless that was just done, or is failing."""
        now = self._clock()
        if self.error is None and now - self._tried_at >= _BETWEEN_MISSES:
            self.due = now
            self._wake()

    def refresh(self) -> None:
        """Read the keys once and say when next; what is wrong replaces nothing."""
        self._tried_at = self._clock()
        try:
            document = self._origin.read()
            if self.keys is None or document != self._document:
                self.keys = self._origin.parse(document)
                self._document = document
                _log.info("keys_read", issuer=self.name, keys=len(self.keys.keys))
        except IssuerUnavailableError as error:
            self._fail(error)
        except Exception:  # noqa: BLE001 (a document that upsets a library must not end the thread that reads all keys)
            _log.exception("keys_not_understood", issuer=self.name)
            self._fail(IssuerUnavailableError("reply", "the key set cannot be understood"))
        else:
            self.error = None
            self._failed = 0
            self._read_at = self._clock()
            self.due = self._read_at + self._origin.pace * _jitter()

    def _fail(self, error: IssuerUnavailableError) -> None:
        if self.error != str(error):
            _log.warning("keys_not_read", issuer=self.name, error=str(error), keys_from_before=self.keys is not None)
        self._failures.labels(self.name, error.kind).inc()
        retry = min(_FIRST_RETRY * 2**self._failed, _LAST_RETRY, self._origin.pace)
        self._failed = min(self._failed + 1, 10)
        self.error = str(error)
        self.due = self._clock() + retry * _jitter()


def _jitter() -> float:
    """Keeps the sidecars of a deployment from asking all at once."""
    return random.uniform(0.8, 1.0)  # noqa: S311 (spreads load, guards nothing)
