"""The publisher: a thread that keeps Redis equal to the registry.

It resumes where the state in Redis says that the last publisher stopped, so it needs no memory of its own; when the
state is gone, so is (for all we know) the data, and everything is published again. A record is written before it is
announced, and announcing moves the state on; a crash in between repeats work that changes nothing.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from extauth.keys.change import KeyChange
from extauth.publish.reconcile import Reconciler, count_outcomes
from extauth.publish.source import KeySource
from extauth.store.errors import StoreUnavailableError
from extauth.store.publication import Announcement, PublicationStore, State
from extauth.telemetry.logs import logger
from extauth.telemetry.publisher_metrics import PublisherMetrics

_log = logger(__name__)
_BATCH = 500
_REST_AFTER_FAILURE = 0.5  # seconds
_BEAT = 0.5  # seconds between writes to the state while nothing changes


class Publisher:
    """`start` and `stop`, or `publish_once` by hand. Intervals in seconds.

    `source_error` is what the source raises while the registry cannot be read.
    """

    def __init__(
        self,
        source: KeySource,
        store: PublicationStore,
        metrics: PublisherMetrics,
        *,
        source_error: type[Exception],
        poll_interval: float,
        reconcile_interval: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._store = store
        self._metrics = metrics
        self._reconciler = Reconciler(source, store, metrics)
        self._source_error = source_error
        self._poll_interval = poll_interval
        self._reconcile_interval = reconcile_interval
        self._clock = clock
        self._state: State | None = None
        self._reconciled_at = 0.0
        self._beat_at = 0.0
        self._failing = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float) -> None:
        self._stopping.set()
        self._thread.join(timeout)
        self._store.close()

    @property
    def is_up_to_date(self) -> bool:
        """Whether the last round succeeded and left nothing to publish."""
        return self._state is not None and not self._failing

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.publish_once()
                self._failing = False
                self._stopping.wait(self._poll_interval)
            except StoreUnavailableError as error:
                self._failed("redis", str(error))
            except self._source_error as error:
                self._failed("registry", str(error))

    def _failed(self, kind: str, message: str) -> None:
        self._metrics.errors.labels(kind).inc()
        if not self._failing:
            _log.warning("publishing_failed", what=kind, error=message)
        self._failing = True
        self._state = None  # ask again: Redis may have come back empty
        self._stopping.wait(_REST_AFTER_FAILURE)

    def publish_once(self) -> None:
        """Bring Redis up to the registry's last revision. Raises StoreUnavailableError, or the source's error."""
        if self._state is None:
            self._state = self._resume()
        while self._state is not None and (changes := self._source.changes_after(self._state.revision, _BATCH)):
            self._apply(self._state, changes)
        if self._state is not None and self._clock() - self._reconciled_at >= self._reconcile_interval:
            self._reconciled_at = self._clock()
            if not self._reconciler.run(self._state):
                self._state = None
        if self._state is not None and self._clock() - self._beat_at >= _BEAT:
            self._announce(self._state, self._state.revision, [])
        self._metrics.revision.set(self._state.revision if self._state else 0)
        self._metrics.behind.set(self._source.revision() - (self._state.revision if self._state else 0))

    def _resume(self) -> State:
        """Continue the publication that Redis vouches for, or make a new one."""
        epoch = self._source.epoch()
        state = self._store.state()
        if state is not None and state.complete and state.epoch == epoch and state.revision <= self._source.revision():
            return state
        started = self._clock()
        state = self._store.begin(epoch)
        # Changes from here on are published as changes; all before them are in the records read below.
        revision = self._source.revision()
        if not self._reconciler.run(state) or not self._store.announce(state, revision, []):
            raise StoreUnavailableError("unpublished")  # another publication began meanwhile: look again
        self._store.complete()
        self._reconciled_at = self._clock()
        _log.info("published_everything", revision=revision, seconds=round(self._clock() - started, 3))
        return replace(state, revision=revision, complete=True)

    def _apply(self, state: State, changes: Sequence[KeyChange]) -> None:
        count_outcomes(self._metrics, self._store.put([change.record for change in changes]))
        announcements = [
            Announcement(change.record.digest, change.record.version, change.committed_at) for change in changes
        ]
        self._announce(state, changes[-1].revision, announcements)

    def _announce(self, state: State, revision: int, announcements: list[Announcement]) -> None:
        self._beat_at = self._clock()
        kept = self._store.announce(state, revision, announcements)
        self._state = replace(state, revision=revision) if kept else None
