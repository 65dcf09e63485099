"""A replica in a process of its own that is asked at the times that are due, and tells what it decided, and when.

usage: python -m tests.accuracy.process REDIS_URL
Writes a line when it is ready. Then for each line of JSON on standard input, an `Order`, one with its decisions.
"""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from threading import Semaphore
from typing import Any

from prometheus_client import CollectorRegistry

from extauth.settings.rate import MICROSECONDS
from extauth.settings.redis import RedisSettings
from extauth.store.bucket import Shape
from extauth.store.buckets import Answer, TokenBuckets
from extauth.store.client import connect
from extauth.store.draw import Bucket, Draw
from extauth.store.names import Names
from extauth.store.queue import Need, RedisQueue
from extauth.store.replicas import Replicas
from extauth.store.shared_buckets import Spend
from extauth.store.upkeep import Upkeep
from extauth.telemetry.sidecar_metrics import SidecarMetrics
from tests.accuracy.offered import Offered, Traffic

_PATIENCE = 60.0  # seconds; what is late is an answer, too
_SETTLING = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Order:
    """What to do: one of `processes`, from `start` (Unix seconds) on."""

    bucket: str
    rate: int
    burst: int
    leased: bool
    offered: float
    traffic: Traffic
    seconds: float
    process: int
    processes: int
    start: float

    def line(self) -> str:
        return json.dumps(asdict(self)) + "\n"


class Replica:
    """One sidecar's buckets, over its own connection."""

    def __init__(self, url: str) -> None:
        self._metrics = SidecarMetrics(CollectorRegistry())
        settings = RedisSettings.model_validate({"url": url, "timeout": "10s"})
        self._queue = RedisQueue(connect(settings), self._metrics)
        self._queue.start()
        self._executed_at = 0
        self._answered = Semaphore(0)
        self._decisions: list[tuple[int, bool]] = []
        self._calls = 0

    def carry_out(self, order: Order) -> dict[str, Any]:
        """`decisions`: times in microseconds, and whether the request was admitted; `calls` of scripts of buckets."""
        buckets = TokenBuckets(self._submit, self._metrics, lambda: order.processes)
        upkeep = Upkeep(buckets.leases, Replicas(self._queue.submit, Names("accuracy")))
        draw = Draw([Bucket(order.bucket, Shape.of(order.rate, 1, order.burst), leased=order.leased)])
        self._decisions, self._calls = [], 0
        upkeep.start()
        asked = 0
        for due in Offered(order.offered, order.traffic, order.seconds).due(order.process, order.processes):
            time.sleep(max(order.start + due - time.time(), 0))
            asked += self._request(buckets, draw)
        for _ in range(asked):
            assert self._answered.acquire(timeout=_PATIENCE), "Redis does not answer"
        upkeep.stop(timeout=_SETTLING)
        return {"decisions": self._decisions, "calls": self._calls}

    def stop(self) -> None:
        self._queue.stop(timeout=_SETTLING)

    def _request(self, buckets: TokenBuckets, draw: Draw) -> bool:
        """One check, as the decision makes it; whether Redis is to answer it."""
        now = time.monotonic()
        if buckets.take(draw, now) is not None:
            self._decisions.append((_wall(), True))
        elif buckets.refused(draw, now) is not None:
            self._decisions.append((_wall(), False))
        else:
            buckets.ask(draw, now + _PATIENCE, self._done)
            return True
        return False

    def _done(self, answer: Answer) -> None:
        assert "local" not in answer.sources, "Redis was away"
        at = self._executed_at if "redis" in answer.sources else _wall()
        self._decisions.append((at, all(level.enough for level in answer.levels)))
        self._answered.release()

    def _submit(self, need: Need) -> None:
        """Queue it, and have an eye on the time at which Redis says that it ran the script."""
        self._calls += 1
        if isinstance(need, Spend):
            answer = need.answer

            def noted(replies: Sequence[Any]) -> None:
                self._executed_at = int(replies[0][0])
                answer(replies)

            need.answer = noted  # type: ignore[method-assign]
        self._queue.submit(need)


def _wall() -> int:
    return time.time_ns() * MICROSECONDS // 1_000_000_000


def main(url: str) -> None:
    replica = Replica(url)
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(replica.carry_out(Order(**json.loads(line)))), flush=True)
    replica.stop()


if __name__ == "__main__":
    main(sys.argv[1])
