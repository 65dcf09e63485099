"""Counting who used what, in memory, and handing it on to Redis in batches.

`count` is on the path of every check: a clock and an addition. A thread takes what was counted and
appends it to a stream as one batch; what could not be sent is kept and sent again before anything newer, under the
same id, by which the registry knows a batch whose arrival was not confirmed.
"""

import secrets
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import redis

from extauth.store.errors import StoreUnavailableError, translated
from extauth.store.names import Names
from extauth.store.usage_batch import MINUTE, Outcome, UsageBatch, UsageRow, is_storable
from extauth.telemetry.cells import lock
from extauth.telemetry.logs import logger
from extauth.telemetry.usage_metrics import UsageMetrics

_log = logger(__name__)

STREAM_LENGTH = 10_000  # batches, each some tens of kB at most; the oldest go when no registry takes them
BATCH_ROWS = 5_000  # in one transaction of the registry, for which its other writers wait
_Counted: TypeAlias = dict[tuple[str, str, str, Outcome, int], list[int]]
"""Key id, tenant, api, outcome and minute (since 1970) -> how many checks, and the time of the last one."""


def _now() -> int:
    return time.time_ns() // 1_000_000


class UsageBuffer:
    """`start`, then `count` from any thread, then `stop`. One for each process, made after any fork.

    `client` is this buffer's alone. At most `max_rows` keys by API, outcome and minute are counted in one interval of
    `flush_interval` seconds, and `max_waiting` batches kept while Redis is away. `clock` is in Unix milliseconds.
    """

    def __init__(
        self,
        client: redis.Redis,
        names: Names,
        metrics: UsageMetrics,
        *,
        flush_interval: float = 10.0,
        max_rows: int = 50_000,
        max_waiting: int = 300,
        clock: Callable[[], int] = _now,
    ) -> None:
        self._client = client
        self._names = names
        self._metrics = metrics
        self._flush_interval = flush_interval
        self._max_rows = max_rows
        self._max_waiting = max_waiting
        self._clock = clock
        self._instance = secrets.token_hex(8)
        self._sequence = 0
        self._counted: _Counted = {}
        self._waiting: deque[UsageBatch] = deque()
        self._failing = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="usage", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Send what has been counted, if Redis takes it within `timeout` seconds."""
        self._stopping.set()
        self._thread.join(timeout)
        self._client.close()

    def count(self, key_id: str, tenant: str, api: str, outcome: Outcome) -> None:
        """Count one check of a key that is known, whatever the answer. Never waits for Redis, never raises.

        With the `lock` of telemetry/cells.py held, which a check takes once for all that it counts.
        """
        now = self._clock()
        name = (key_id, tenant, api, outcome, now // MINUTE)
        found = self._counted.get(name)
        if found is not None:  # nearly always
            found[0] += 1
            found[1] = now
        elif len(self._counted) < self._max_rows:
            self._counted[name] = [1, now]
        else:
            self._metrics.lost.labels("too_many_keys").inc()

    def flush(self) -> None:
        """Send what has been counted, after what still waits. For the thread of this buffer, or without one."""
        self._pack()
        while self._waiting:
            try:
                self._send(self._waiting[0])
            except StoreUnavailableError as error:
                self._failed(error)
                return
            self._waiting.popleft()
            self._metrics.waiting.set(len(self._waiting))
            self._failing = False

    def _run(self) -> None:
        while not self._stopping.wait(self._flush_interval):
            self.flush()
        self.flush()

    def _pack(self) -> None:
        """Make batches of what has been counted."""
        with lock:
            counted, self._counted = self._counted, {}
        rows = _rows(counted)
        good = [row for row in rows if is_storable(row.key_id) and is_storable(row.tenant) and is_storable(row.api)]
        if len(good) < len(rows):
            self._metrics.lost.labels("unfit_name").inc(_checks(rows) - _checks(good))
        for start in range(0, len(good), BATCH_ROWS):
            if len(self._waiting) >= self._max_waiting:
                self._metrics.lost.labels("redis_away").inc(_checks(self._waiting.popleft().rows))
            self._sequence += 1
            self._waiting.append(UsageBatch(self._instance, self._sequence, good[start : start + BATCH_ROWS]))
        self._metrics.waiting.set(len(self._waiting))

    def _send(self, batch: UsageBatch) -> None:
        fields: dict[Any, Any] = dict(batch.to_fields())  # redis-py's own type is invariant
        with translated():
            self._client.xadd(self._names.usage, fields, maxlen=STREAM_LENGTH, approximate=True)

    def _failed(self, error: StoreUnavailableError) -> None:
        self._metrics.errors.labels(error.kind).inc()
        if not self._failing:
            _log.warning("usage_not_sent", error=str(error), waiting=len(self._waiting))
        self._failing = True


def _rows(counted: _Counted) -> list[UsageRow]:
    """What was counted, with the outcomes of one key, API and minute in one row."""
    checks: defaultdict[tuple[str, str, str, int], dict[Outcome, int]] = defaultdict(dict)
    last: dict[tuple[str, str, str, int], int] = {}
    for (key_id, tenant, api, outcome, minute), (number, at) in counted.items():
        name = (key_id, tenant, api, minute)
        checks[name][outcome] = number
        last[name] = max(last.get(name, 0), at)
    return [
        UsageRow(key_id, tenant, api, minute * MINUTE, last[key_id, tenant, api, minute], found)
        for (key_id, tenant, api, minute), found in checks.items()
    ]


def _checks(rows: Sequence[UsageRow]) -> int:
    return sum(row.total for row in rows)
