"""The one thread that talks to Redis for checks.

Checks that need Redis queue up; the thread takes all that wait, sends them as one pipeline and hands out the replies.
While one exchange is under way the next batch gathers, so batches grow with load by themselves. A need whose deadline
has passed, or will have when Redis answers, fails without being sent. After a failure Redis is left alone until it
answers a probe, and needs fail at once instead of each waiting out the timeout.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, Protocol

import redis
from redis.client import Pipeline
from redis.exceptions import NoScriptError

from extauth.store.circuit import Circuit
from extauth.store.errors import CLIENT_ERRORS, StoreUnavailableError, is_demoted, translate
from extauth.store.scripts import FOR_CHECKS
from extauth.store.slots import SlotOf
from extauth.telemetry.logs import logger
from extauth.telemetry.sidecar_metrics import SidecarMetrics

_log = logger(__name__)

MAX_BATCH = 256
MAX_WAITING = 20_000
_LONGEST_EXPECTED = 0.02  # seconds; one slow exchange must not make everybody look late


class Need(Protocol):
    """Something a check wants of Redis. Exactly one of `answer` and `fail` is called, on the queue's thread."""

    deadline: float
    """Monotonic seconds."""

    def ask(self, pipeline: Pipeline) -> int:
        """Add the commands to the pipeline; return how many."""
        ...

    def answer(self, replies: Sequence[Any]) -> None: ...

    def fail(self, error: StoreUnavailableError) -> None: ...

    def split(self, slot_of: SlotOf, submit: "Submit") -> "Mapping[int, Need]":
        """For a Cluster: this need, or the parts to ask in its place, each by the slot that has all of its names.

        What comes of parts comes back to this need. `submit` is for what follows.
        """
        ...


Submit = Callable[[Need], None]


class Queue(Protocol):
    """Start it once; `submit` from any thread."""

    def start(self) -> None: ...

    def stop(self, timeout: float) -> None: ...

    def submit(self, need: Need) -> None: ...

    def doubt(self) -> None:
        """Something else got no answer from Redis."""
        ...

    @property
    def redis_is_away(self) -> bool:
        """Whether what is submitted now would fail, Redis having failed a moment ago."""
        ...

    @property
    def waiting(self) -> int:
        """Needs that have not been sent."""
        ...


class _Waiting(NamedTuple):
    """A need, and since when it waits: monotonic seconds."""

    need: Need
    since: float


class RedisQueue:
    """The queue of one Redis."""

    def __init__(
        self, client: redis.Redis, metrics: SidecarMetrics, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._metrics = metrics
        self._clock = clock
        self._waiting: SimpleQueue[_Waiting | None] = SimpleQueue()  # None ends the thread
        self._expected = 0.0
        self._circuit = Circuit(client.ping)
        self._thread = threading.Thread(target=self._run, name="redis-queue", daemon=True)

    def start(self) -> None:
        self._circuit.start()
        self._thread.start()

    def doubt(self) -> None:
        self._circuit.doubt()

    @property
    def redis_is_away(self) -> bool:
        return self._circuit.is_open

    @property
    def waiting(self) -> int:
        return self._waiting.qsize()

    def stop(self, timeout: float) -> None:
        """Answer what waits, then end. `timeout` in seconds."""
        self._waiting.put(None)
        self._thread.join(timeout)
        self._circuit.stop(timeout)
        self._client.close()

    def submit(self, need: Need) -> None:
        """Queue a need; it fails at once when too many wait already."""
        if self._waiting.qsize() >= MAX_WAITING:
            self._fail([need], StoreUnavailableError("overload"))
        else:
            self._waiting.put(_Waiting(need, self._clock()))

    def _run(self) -> None:
        while self._serve_next():
            pass

    def _serve_next(self) -> bool:
        """Whether to go on. A method of its own: nothing of a batch is held while the next one is waited for."""
        batch = self._take()
        taken = [one for one in batch if one is not None]
        if taken:
            self._metrics.redis_wait.observe(self._clock() - taken[0].since)
        self._serve([one.need for one in taken])
        return None not in batch

    def _take(self) -> list["_Waiting | None"]:
        """Wait for one need, then take those that wait already."""
        batch = [self._waiting.get()]
        with suppress(Empty):
            while len(batch) < MAX_BATCH and batch[-1] is not None:
                batch.append(self._waiting.get_nowait())
        return batch

    def _serve(self, batch: list[Need]) -> None:
        answered = self._clock() + self._expected
        late = [need for need in batch if need.deadline <= answered]
        self._fail(late, StoreUnavailableError("deadline"))
        batch = [need for need in batch if need.deadline > answered]
        if not batch:
            return
        if self._circuit.is_open:
            self._fail(batch, StoreUnavailableError("circuit"))
            return
        try:
            shares = self._exchange(batch)
        except CLIENT_ERRORS as error:
            self._circuit.open()
            self._fail(batch, translate(error))
            return
        for need, replies in zip(batch, shares, strict=True):
            self._deliver(need, replies)

    def _exchange(self, batch: Sequence[Need]) -> list[list[Any]]:
        began = self._clock()
        with self._metrics.redis_seconds.time():
            shares = self._send(batch)
            untaught = [index for index, replies in enumerate(shares) if any(map(_is_unknown_script, replies))]
            if untaught:  # a restarted Redis has forgotten the scripts
                for script in FOR_CHECKS:
                    self._client.script_load(script.text)
                for index, replies in zip(untaught, self._send([batch[index] for index in untaught]), strict=True):
                    shares[index] = replies
        self._expected = min(self._clock() - began, _LONGEST_EXPECTED)
        self._metrics.redis_batch.observe(len(batch))
        return shares

    def _send(self, batch: Sequence[Need]) -> list[list[Any]]:
        with self._client.pipeline(transaction=False) as pipeline:
            counts = [need.ask(pipeline) for need in batch]
            replies = iter(pipeline.execute(raise_on_error=False))
        return [list(islice(replies, count)) for count in counts]

    def _deliver(self, need: Need, replies: Sequence[Any]) -> None:
        failed = next((reply for reply in replies if isinstance(reply, Exception)), None)
        if failed is not None:
            if is_demoted(failed):  # behind the same name there may be a new master
                self._client.connection_pool.disconnect()
            self._fail([need], translate(failed))
            return
        try:
            need.answer(replies)
        except Exception:  # noqa: BLE001 (a fault in one check must not end the thread that all of them share)
            _log.exception("check_failed_after_redis_answered")
            self._fail([need], StoreUnavailableError("reply"))

    def _fail(self, needs: Sequence[Need], error: StoreUnavailableError) -> None:
        for need in needs:
            self._metrics.redis_errors.labels(error.kind).inc()
            try:
                need.fail(error)
            except Exception:  # noqa: BLE001 (as above; its deadline answers the check)
                _log.exception("check_failed_without_redis")


def _is_unknown_script(reply: object) -> bool:
    return isinstance(reply, NoScriptError)
