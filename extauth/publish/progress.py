"""How far the publication is behind the registry, as every replica tells it, whether it leads or stands by."""

import time
from collections.abc import Callable

from extauth.keys.record import Version
from extauth.publish.source import KeySource
from extauth.store.publication import State
from extauth.telemetry.publisher_metrics import PublisherMetrics


class Progress:
    """`tell` what is known of the publication. While it is not complete, all of it is behind."""

    def __init__(
        self,
        source: KeySource,
        metrics: PublisherMetrics,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._metrics = metrics
        self._clock = clock
        self._now = now
        self._state: State | None = None
        self._incomplete_since: float | None = None

    def tell(self, state: State | None) -> None:
        self._state = state
        self.tell_again()

    def tell_again(self) -> None:
        """Of the state that was told of last: Redis does not answer, and the registry goes on. The source's error."""
        head = self._source.head()
        complete = self._state is not None and self._state.complete
        published = self._state.version if self._state is not None and complete else Version(head.epoch, 0)
        if complete:
            self._incomplete_since = None
        elif self._incomplete_since is None:
            self._incomplete_since = self._clock()
        self._metrics.revision.set(published.revision)
        self._metrics.behind.set(max(head.revision - published.revision, 0))
        self._metrics.lag.set(self._lag(published, head))

    def _lag(self, published: Version, head: Version) -> float:
        if self._incomplete_since is not None:
            return self._clock() - self._incomplete_since
        committed_at = self._source.committed_after(published.revision) if head > published else None
        return 0.0 if committed_at is None else max(self._now() - committed_at / 1000, 0.0)
