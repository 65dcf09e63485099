"""Replicas of the registry's publisher and collector as processes of their own, which start in milliseconds.

usage: python -m tests.faults.nursery DATABASE_URL REDIS_URL LEASE DELAY    (both in seconds)
Imports everything once; then each line on stdin forks a replica, whose process id is printed. With a DELAY it tells in
the log what it is about to write, and waits so long before it does.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Sequence

from prometheus_client import CollectorRegistry

from extauth.keys.record import KeyRecord
from extauth.publish import comparison, writer
from extauth.publish.publisher import Publisher
from extauth.publish.usage_collector import UsageCollector
from extauth.registry.database import Database
from extauth.registry.errors import UnavailableError
from extauth.registry.history import History
from extauth.registry.ledger import Ledger
from extauth.settings.redis import RedisSettings
from extauth.store.client import connect
from extauth.store.names import Names
from extauth.store.publishing import PublishingStores
from extauth.store.records import RecordStore
from extauth.store.usage_reader import UsageReader
from extauth.telemetry.logs import LogSettings, configure
from extauth.telemetry.publisher_metrics import PublisherMetrics
from extauth.telemetry.usage_metrics import CollectorMetrics

NAMESPACE = "test"


def main() -> None:
    configure(LogSettings())
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the dead
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            run(*sys.argv[1:])
            os._exit(0)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


def run(database_url: str, redis_url: str, lease: str, delay: str) -> None:
    """Publish and collect until SIGTERM. Batches and chunks are small, so that there are many points to die at."""
    if float(delay):
        delay_writes(float(delay))
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    writer._BATCH, comparison.CHUNK = 5, 50
    database, names, settings = Database(database_url), Names(NAMESPACE), RedisSettings(url=redis_url)
    publisher = Publisher(
        History(database),
        PublishingStores.on(connect(settings, timeout=5), names, str(os.getpid()), float(lease)),
        PublisherMetrics(CollectorRegistry()),
        source_error=UnavailableError,
        poll_interval=0.01,
        reconcile_interval=0.3,
        reconcile_rate=20_000,
    )
    collector = UsageCollector(
        UsageReader(connect(settings, timeout=5), names),
        Ledger(database),
        CollectorMetrics(CollectorRegistry()),
        ledger_error=UnavailableError,
        poll_interval=0.05,
        is_leading=lambda: publisher.is_leading,
    )
    publisher.start()
    collector.start()
    while not stopping.wait(0.05):
        pass
    collector.stop(5)
    publisher.stop(5)


def delay_writes(seconds: float) -> None:
    put = RecordStore.put

    def put_late(store: RecordStore, records: Sequence[KeyRecord]) -> list[int]:
        for record in records:
            sys.stderr.write(f"{os.getpid()} is about to write {record.key_id}\n")
        sys.stderr.flush()
        time.sleep(seconds)
        return put(store, records)

    RecordStore.put = put_late


if __name__ == "__main__":
    main()
