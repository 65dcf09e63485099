"""The collector: a thread that moves batches of usage from Redis into the registry's ledger, each exactly once.

A batch is removed from Redis after the ledger has committed it. A crash in between, or a second collector, makes the
ledger see a batch twice, and it knows which ones it has. So only for economy it is the replica that publishes which
collects.
"""

import threading
import time
from collections.abc import Callable, Sequence
from itertools import accumulate, takewhile
from typing import Protocol

from extauth.store.errors import StoreUnavailableError
from extauth.store.usage_batch import UsageBatch
from extauth.store.usage_reader import StoredBatch, UsageReader
from extauth.telemetry.logs import logger
from extauth.telemetry.usage_metrics import CollectorMetrics

_log = logger(__name__)
_READ = 16  # batches
_ROWS = 5_000  # in one transaction, unless a single batch has more: other writers of the registry wait meanwhile
_REST_AFTER_FAILURE = 1.0  # seconds


class UsageLedger(Protocol):
    """The registry's ledger. Raises the error type that the collector was told of while it cannot be written."""

    def add(self, batches: Sequence[UsageBatch]) -> tuple[int, int]:
        """Add those that it does not have, all or none; return how many, and how many before them are missing."""
        ...


class UsageCollector:
    """`start` and `stop`, or `collect_once` by hand. `poll_interval` in seconds, `clock` in Unix seconds.

    The thread collects while `is_leading`.
    """

    def __init__(
        self,
        reader: UsageReader,
        ledger: UsageLedger,
        metrics: CollectorMetrics,
        *,
        ledger_error: type[Exception],
        poll_interval: float = 1.0,
        is_leading: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._reader = reader
        self._ledger = ledger
        self._metrics = metrics
        self._ledger_error = ledger_error
        self._poll_interval = poll_interval
        self._is_leading = is_leading
        self._clock = clock
        self._failing = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="usage-collector", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """End after the transaction under way, or after `timeout` seconds."""
        self._stopping.set()
        self._thread.join(timeout)
        self._reader.close()

    def collect_once(self) -> bool:
        """Move some batches; False when there were none. Raises StoreUnavailableError, or the ledger's error."""
        found = self._reader.oldest(_READ)
        self._metrics.lag.set(max(self._clock() - found[0].stored_at / 1000, 0) if found else 0)
        self._metrics.waiting.set(self._reader.waiting() if found else 0)
        if not found:
            return False
        taken = _within_bounds(found)
        batches = [one.batch for one in taken if one.batch is not None]
        added, missing = self._ledger.add(batches) if batches else (0, 0)
        self._count(len(taken), len(batches), added, missing)
        self._reader.remove(taken)
        return True

    def _count(self, taken: int, readable: int, added: int, missing: int) -> None:
        outcomes = {
            "added": added,
            "duplicate": readable - added,
            "unreadable": taken - readable,
            "missing": missing,
        }
        for outcome, number in outcomes.items():
            self._metrics.batches.labels(outcome).inc(number)
        if taken > readable:
            _log.error("unreadable_usage_in_redis", batches=taken - readable)
        if missing:
            _log.warning("usage_is_missing", batches=missing)

    def _run(self) -> None:
        while not self._stopping.is_set():
            if not self._is_leading():
                self._metrics.lag.set(0)  # it is the other one's to tell
                self._metrics.waiting.set(0)
                self._stopping.wait(self._poll_interval)
                continue
            try:
                more = self.collect_once()
                self._failing = False
                if not more:
                    self._stopping.wait(self._poll_interval)
            except StoreUnavailableError as error:
                self._failed("redis", str(error))
            except self._ledger_error as error:
                self._failed("registry", str(error))

    def _failed(self, kind: str, message: str) -> None:
        self._metrics.errors.labels(kind).inc()
        if not self._failing:
            _log.warning("collecting_usage_failed", what=kind, error=message)
        self._failing = True
        self._stopping.wait(_REST_AFTER_FAILURE)


def _within_bounds(found: Sequence[StoredBatch]) -> Sequence[StoredBatch]:
    """The first batches, at least one, that have no more than _ROWS rows together."""
    totals = accumulate(len(one.batch.rows) if one.batch else 0 for one in found)
    return found[: max(len(list(takewhile(lambda total: total <= _ROWS, totals))), 1)]
