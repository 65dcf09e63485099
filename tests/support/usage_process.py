"""A sidecar's usage buffer, or a registry's collector and fold, as a process that a test may kill at any point.

usage: python -m tests.support.usage_process sender REDIS
       python -m tests.support.usage_process collector REDIS DATABASE
"""

import contextlib
import os
import sys
import threading
import time

from prometheus_client import CollectorRegistry

from extauth.publish.usage_collector import UsageCollector
from extauth.registry import times
from extauth.registry.database import Database
from extauth.registry.errors import UnavailableError
from extauth.registry.ledger import Ledger
from extauth.registry.usage_fold import UsageFold
from extauth.settings.redis import RedisSettings
from extauth.store.client import connect
from extauth.store.names import Names
from extauth.store.usage import UsageBuffer
from extauth.store.usage_batch import UsageBatch
from extauth.store.usage_reader import UsageReader
from extauth.telemetry.usage_metrics import CollectorMetrics, UsageMetrics

NAMES = Names("test")
AHEAD = 10 * 60_000
"""Milliseconds: the fold's clock, so that it is at minutes to which is still added."""


class TellingBuffer(UsageBuffer):
    """Says what a batch has before it is sent, and when Redis has confirmed it."""

    def _send(self, batch: UsageBatch) -> None:
        say("sends", batch.instance, batch.sequence, sum(row.total for row in batch.rows))
        super()._send(batch)
        say("sent", batch.instance, batch.sequence, 0)


def say(*words: object) -> None:
    os.write(1, f"{' '.join(map(str, words))}\n".encode())  # whole, or not at all


def send(settings: RedisSettings) -> None:
    buffer = TellingBuffer(connect(settings), NAMES, UsageMetrics(CollectorRegistry()), flush_interval=0.03)
    buffer.start()
    number = 0
    while True:
        number += 1
        outcome = ("allowed", "limited", "denied:expired_key")[number % 3]
        buffer.count(f"key {number % 11}", "acme", "orders", outcome)
        if number % 10 == 0:
            time.sleep(0.005)


def collect(settings: RedisSettings, database: Database) -> None:
    reader = UsageReader(connect(settings), NAMES)
    metrics = CollectorMetrics(CollectorRegistry())
    UsageCollector(reader, Ledger(database), metrics, ledger_error=UnavailableError, poll_interval=0.01).start()
    fold = UsageFold(database, {"minute": None, "hour": None, "day": None}, lambda: times.now() + AHEAD)
    say("ready")
    while True:
        with contextlib.suppress(UnavailableError):  # it is busy
            fold.run(threading.Event())
        time.sleep(0.01)


if __name__ == "__main__":
    redis_settings = RedisSettings.model_validate({"url": sys.argv[2], "namespace": "test", "timeout": "2s"})
    if sys.argv[1] == "sender":
        send(redis_settings)
    else:
        collect(redis_settings, Database(sys.argv[3]))
