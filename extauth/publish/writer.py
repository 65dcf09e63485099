"""The writer: what the publisher does that has the lease.

It resumes where the state in Redis says that the last one stopped, so it needs no memory of its own; when the state is
gone, so is (for all we know) the data, and everything is published again. A record is written before it is announced,
and announcing moves the state on; a crash in between repeats work that changes nothing.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from extauth.keys.change import KeyChange
from extauth.keys.record import Version
from extauth.publish.comparison import DONE, NAMES, START, Comparison, count_outcomes
from extauth.publish.errors import DivergedError
from extauth.publish.source import KeySource
from extauth.store.names import RecordId
from extauth.store.publication import Announcement, State
from extauth.store.publishing import PublishingStores
from extauth.telemetry.logs import logger
from extauth.telemetry.publisher_metrics import PublisherMetrics

_log = logger(__name__)
_BATCH = 500  # changes
_BEAT = 0.5  # seconds between writes to the state while nothing changes
_LEAST = 100  # records that one look into Redis counts for, which may be full of other things
_REMOVING = "removing"  # in place of the comparison's position
EMPTY, EPOCH, LOST, CUT_SHORT, ROLLED_BACK = "empty", "epoch", "lost", "cut_short", "rolled_back"
CAUSES = (EMPTY, EPOCH, LOST, CUT_SHORT, ROLLED_BACK)


class Writer:
    """`write` in rounds, as long as the lease is ours. Intervals in seconds, `rate` in records a second."""

    def __init__(
        self,
        source: KeySource,
        stores: PublishingStores,
        metrics: PublisherMetrics,
        *,
        interval: float,
        rate: float,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._stores = stores
        self._metrics = metrics
        self._interval = interval
        self._rate = rate
        self._clock = clock
        self._now = now
        self.state: State | None = None
        """What is published, as far as we know; None when Redis must be asked."""
        self._last: State | None = None
        self._comparison: Comparison | None = None
        self._is_urgent = False
        self._compare_at = 0.0
        self._compared_from: float | None = None
        self._beat_at = 0.0

    def forget(self) -> None:
        """Redis may have changed without us: ask it again before the next round."""
        self.state = self._comparison = self._compared_from = None

    def write(self) -> float:
        """One round; in how many seconds the next one has work to do, at most.

        Raises StoreUnavailableError, DeposedError, DivergedError and the source's error; `forget` then.
        """
        head = self._source.head()
        if self.state is None or self.state.version > head or self.state.epoch != head.epoch:
            self.state, head = self._take_up()
        if self.state.revision < head.revision:
            self._catch_up(self.state, head)
        self._compare(head)
        if self.state is not None and self._clock() - self._beat_at >= _BEAT:
            self._announce(self.state, self.state)
        return self._until_next(head)

    def _until_next(self, head: Version) -> float:
        if self.state is None or self.state.revision < head.revision or self._is_urgent:
            return 0
        return max(self._compare_at - self._clock(), 0) if self._comparison else self._interval

    def _take_up(self) -> tuple[State, Version]:
        """Continue the publication that Redis vouches for, or begin a new one."""
        whole = self._stores.leadership.admit()
        state = self._stores.publication.state()
        head = self._source.head()  # after the state, which is then not ahead of it
        if state is not None:
            check_history(self._source, state, head)
        cause = _cause_to_begin(state, head, whole=whole)
        if state is None or cause is not None:
            return self._begin(head, cause or EMPTY), head
        if self._last is not None and self._last.instance == state.instance and self._last.number > state.number:
            self._restarted(ROLLED_BACK)
            state = replace(state, compared=DONE)
            self._is_urgent = True
        else:
            self._is_urgent = not state.complete
        if state.compared != DONE:
            self._comparison = self._new_comparison(state.compared)
        return state, head

    def _begin(self, head: Version, cause: str) -> State:
        # Changes from here on are published as changes; all before them are in the records that the comparison writes.
        state = self._stores.publication.begin(head, self._source.mark(head.revision))
        self._restarted(cause)
        self._is_urgent = True
        return state

    def _restarted(self, cause: str) -> None:
        self._metrics.restarts.labels(cause).inc()
        _log.warning("publishing_everything", cause=cause)

    def _catch_up(self, state: State, head: Version) -> None:
        """Publish the next changes."""
        changes = self._source.changes_after(state.revision, _BATCH)
        count_outcomes(self._metrics, self._stores.records.put([change.record for change in changes]))
        # Fewer than asked for are all there were, and not every revision is a key's.
        revision = changes[-1].revision if len(changes) == _BATCH else max(head.revision, _last_of(changes))
        announcements = [
            Announcement(change.record.digest, change.record.version, change.committed_at) for change in changes
        ]
        self._announce(state, replace(state, revision=revision, mark=self._source.mark(revision)), announcements)

    def _compare(self, head: Version) -> None:
        """A chunk of the comparison under way; a new one when it is time."""
        state = self.state
        if state is None or not (self._is_urgent or self._clock() >= self._compare_at):
            return
        if self._comparison is None:
            if not self._is_urgent and abs(self._now() - state.compared_at / 1000) < self._interval:
                return
            # Told first, so that whoever goes on after a crash knows that there was a comparison.
            self._announce(state, replace(state, compared=START))
            if self.state is not None:
                self._comparison = self._new_comparison()
                self._compared_from = self._clock()
        elif self._comparison.is_written:
            self._look_up(state, self._comparison, head)
        else:
            self._write(state, self._comparison)

    def _new_comparison(self, position: str | None = None) -> Comparison:
        return Comparison(self._source, self._stores.records, self._metrics, position)

    def _write(self, state: State, comparison: Comparison) -> None:
        chunk = comparison.write()
        self._pace(chunk.size)
        lost = sum(version <= state.version for version in chunk.written)  # later ones are yet to be published
        if state.complete and lost:
            _log.warning("redis_had_lost_records", count=lost)
        news = self._announcements(chunk.news) if state.complete else ()  # nobody follows before that
        complete = state.complete or comparison.is_written
        self._announce(state, replace(state, compared=comparison.position, complete=complete), news)
        if complete and not state.complete:
            _log.info("published_everything", revision=state.revision)

    def _look_up(self, state: State, comparison: Comparison, head: Version) -> None:
        ids = comparison.next_ids()
        self._pace(max(len(ids), _LEAST))
        strangers = comparison.strangers(ids, head) if ids else []
        if strangers:
            # Told first: whoever takes over before the removal is announced cannot know of it, and begins anew.
            self._announce(state, replace(state, compared=_REMOVING))
            gone = [one for one in strangers if self._stores.records.remove(one)]
            self._metrics.records.labels("removed").inc(len(gone))
            _log.warning("redis_had_records_unknown_to_the_registry", count=len(gone))
            news = [(one.id, one.record.version if one.record else head) for one in gone]
            if self.state is not None:
                self._announce(self.state, replace(self.state, compared=NAMES), self._announcements(news))
        if comparison.position == DONE:
            self._end_comparison()

    def _end_comparison(self) -> None:
        if self.state is None:
            return
        self._announce(self.state, replace(self.state, compared=DONE, compared_at=round(self._now() * 1000)))
        self._metrics.last_reconcile.set(self._now())
        if self._compared_from is not None:
            self._metrics.reconcile_seconds.observe(self._clock() - self._compared_from)
        self._comparison = self._compared_from = None
        self._is_urgent = False

    def _pace(self, size: int) -> None:
        self._compare_at = self._clock() + size / self._rate

    def _announcements(self, changed: Sequence[tuple[RecordId, Version]]) -> list[Announcement]:
        now = round(self._now() * 1000)
        return [Announcement(one.digest, version, now) for one, version in changed]

    def _announce(self, known: State, new: State, announcements: Sequence[Announcement] = ()) -> None:
        self._beat_at = self._clock()
        self.state = self._stores.publication.announce(known, new, announcements)
        self._last = self.state or self._last
        if self.state is None:
            self.forget()


def check_history(source: KeySource, state: State, head: Version) -> None:
    """DivergedError unless what is published is of the registry's history. `head` was read after `state`."""
    if state.version > head:
        raise DivergedError(state.version, head)
    mark = source.mark(state.revision) if state.epoch == head.epoch else ""
    if mark and state.mark and mark != state.mark:
        raise DivergedError(state.version, head)


def _cause_to_begin(state: State | None, head: Version, *, whole: bool) -> str | None:
    if state is None:
        return EMPTY
    if state.epoch != head.epoch:
        return EPOCH
    if state.compared == _REMOVING:
        return CUT_SHORT
    return None if whole else LOST


def _last_of(changes: Sequence[KeyChange]) -> int:
    return changes[-1].revision if changes else 0
