"""The publisher: a thread that keeps Redis equal to the registry, or stands by while another replica does.

Each replica of the registry runs one. The one that has the lease writes; the others look several times a second whether
it is free. Who cannot read the registry gives the lease back, and does not take it.
"""

import threading
import time
from collections.abc import Callable

from extauth.publish.errors import DivergedError
from extauth.publish.progress import Progress
from extauth.publish.source import KeySource
from extauth.publish.writer import Writer, check_history
from extauth.store.errors import StoreUnavailableError
from extauth.store.leadership import DeposedError
from extauth.store.publishing import PublishingStores
from extauth.telemetry.logs import logger
from extauth.telemetry.publisher_metrics import PublisherMetrics

_log = logger(__name__)
_LOOKS = 10  # of a replica that stands by, in the time that a lease lasts
_LONGEST_LOOK_INTERVAL = 0.2  # seconds: whoever stops hands the lease over, and long leases must not delay that
_REST_AFTER_FAILURE = 0.5  # seconds
_RENEWALS = 4  # in the time that a lease lasts


class Publisher:
    """`start` and `stop`, or `publish_once` by hand. Intervals in seconds, `reconcile_rate` in records a second.

    `source_error` is what the source raises while the registry cannot be read.
    """

    def __init__(
        self,
        source: KeySource,
        stores: PublishingStores,
        metrics: PublisherMetrics,
        *,
        source_error: type[Exception],
        poll_interval: float,
        reconcile_interval: float,
        reconcile_rate: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._stores = stores
        self._metrics = metrics
        self._writer = Writer(source, stores, metrics, interval=reconcile_interval, rate=reconcile_rate, clock=clock)
        self._progress = Progress(source, metrics, clock)
        self._source_error = source_error
        self._poll_interval = poll_interval
        self._clock = clock
        self._renewed_at = 0.0
        self._fault: str | None = "not connected yet"
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        metrics.leading.set_function(lambda: float(self.is_leading))

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """End after the round under way, and hand the lease over."""
        self._stopping.set()
        self._thread.join(timeout)
        self._stores.leadership.close()

    @property
    def is_leading(self) -> bool:
        """Whether the lease is ours for sure."""
        leadership = self._stores.leadership
        return leadership.number > 0 and self._clock() - self._renewed_at < leadership.seconds

    @property
    def is_up_to_date(self) -> bool:
        """Whether we lead, the last round succeeded and it left nothing to publish."""
        state = self._writer.state
        return self._fault is None and self.is_leading and state is not None and state.complete

    def fault(self) -> str | None:
        """What keeps this replica from publishing, or from standing by, in a few words."""
        return self._fault

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._stopping.wait(self._round())
        if self._stores.leadership.number:
            self._give_up_lease()

    def _round(self) -> float:
        """One round, whatever happens in it; seconds until the next one."""
        try:
            wait = self.step()
        except DeposedError as error:
            self._writer.forget()
            _log.warning("deposed", error=str(error))
            self._give_up_lease()
            return 0
        except StoreUnavailableError as error:
            return self._failed("redis", error)
        except DivergedError as error:
            return self._failed("diverged", error)
        except self._source_error as error:
            return self._failed("registry", error)
        if self._fault is not None:
            _log.info("publishing_goes_on" if self.is_leading else "standing_by")
        self._fault = None
        return wait

    def _failed(self, kind: str, error: Exception) -> float:
        self._metrics.errors.labels(kind).inc()
        if self._fault != str(error):
            _log.warning("publishing_failed", what=kind, error=str(error))
        self._fault = str(error)
        self._writer.forget()
        if kind == "redis":
            self._tell_progress_without_redis()
        elif self._stores.leadership.number:
            self._give_up_lease()  # another replica may be better off
        return _REST_AFTER_FAILURE

    def _tell_progress_without_redis(self) -> None:
        try:
            self._progress.tell_again()
        except self._source_error:
            self._metrics.errors.labels("registry").inc()

    def _give_up_lease(self) -> None:
        try:
            self._stores.leadership.release()
        except StoreUnavailableError:
            self._metrics.errors.labels("redis").inc()  # it ends by itself

    def publish_once(self) -> None:
        """Bring Redis up to the registry's last revision, if the lease is ours or free.

        Raises what `step` raises.
        """
        while self.step() == 0:
            pass

    def step(self) -> float:
        """One round; in how many seconds the next one is due. 0: there is work left.

        Raises StoreUnavailableError, DeposedError, DivergedError, or the source's error.
        """
        if not self._lead():
            return min(self._stores.leadership.seconds / _LOOKS, _LONGEST_LOOK_INTERVAL)
        wait = self._writer.write()
        self._progress.tell(self._writer.state)
        return min(wait, self._poll_interval)

    def _lead(self) -> bool:
        """Renew the lease when it is time, or try to take it."""
        leadership = self._stores.leadership
        now = self._clock()
        if leadership.number and now - self._renewed_at < leadership.seconds / _RENEWALS:
            return True
        if not leadership.number:
            self._look()
        held = leadership.number
        self._renewed_at = now  # before Redis does, so that ours never ends later
        if leadership.take() and leadership.number != held:
            self._writer.forget()
            _log.info("leading", number=leadership.number)
        elif held and not leadership.number:
            self._writer.forget()
            _log.warning("deposed", error="the lease was not renewed in time")
        return leadership.number > 0

    def _look(self) -> None:
        """Whoever cannot read the registry, or reads another one, must not take the lease from one who can."""
        state = self._stores.publication.state()
        self._progress.tell(state)
        if state is not None:
            check_history(self._source, state, self._source.head())
