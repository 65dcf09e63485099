"""A replica in a process of its own that asks for tokens as fast as it can, and counts what it gets.

usage: python -m tests.support.leasing_process REDIS_URL RATE BURST SECONDS
Writes a line when it is ready, begins when it reads one, and writes JSON: admitted, refused, started, ended.
"""

import json
import sys
import time
from queue import Queue

from prometheus_client import CollectorRegistry

from extauth.settings.redis import RedisSettings
from extauth.store.bucket import Shape
from extauth.store.buckets import Answer, TokenBuckets
from extauth.store.client import connect
from extauth.store.draw import Bucket, Draw
from extauth.store.names import Names
from extauth.store.queue import RedisQueue
from extauth.store.replicas import Replicas
from extauth.store.upkeep import Upkeep
from extauth.telemetry.sidecar_metrics import SidecarMetrics

_PAUSE = 0.0003  # seconds after each request: several processes share few processors


def main(url: str, rate: int, burst: int, seconds: float) -> None:
    metrics = SidecarMetrics(CollectorRegistry())
    queue = RedisQueue(connect(RedisSettings.model_validate({"url": url, "timeout": "5s"})), metrics)
    buckets = TokenBuckets(queue.submit, metrics, lambda: 1)
    upkeep = Upkeep(buckets.leases, Replicas(queue.submit, Names("test")))
    draw = Draw([Bucket("test:{a}:b", Shape.of(rate, 1, burst), leased=True)])
    queue.start()
    upkeep.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    counts = {True: 0, False: 0}
    started = time.monotonic()
    while time.monotonic() < started + seconds:
        counts[_request(buckets, draw)] += 1
        time.sleep(_PAUSE)
    ended = time.monotonic()
    upkeep.stop(timeout=5)
    queue.stop(timeout=5)
    json.dump({"admitted": counts[True], "refused": counts[False], "started": started, "ended": ended}, sys.stdout)


def _request(buckets: TokenBuckets, draw: Draw) -> bool:
    now = time.monotonic()
    if buckets.take(draw, now) is not None:
        return True
    if buckets.refused(draw, now) is not None:
        return False
    answers: Queue[Answer] = Queue()
    buckets.ask(draw, now + 5, answers.put)
    answer = answers.get(timeout=10)
    assert "local" not in answer.sources
    return all(level.enough for level in answer.levels)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
