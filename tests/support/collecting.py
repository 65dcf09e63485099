"""Collecting usage under test: until nothing waits, and what has come of it."""

from sqlalchemy import func, select

from extauth.publish.usage_collector import UsageCollector
from extauth.registry.database import Database
from extauth.registry.errors import UnavailableError
from extauth.registry.ledger import Ledger
from extauth.registry.schema import usage_minutes
from extauth.store.usage_reader import UsageReader
from extauth.telemetry.usage_metrics import CollectorMetrics


def collector_of(reader: UsageReader, ledger: Ledger, metrics: CollectorMetrics) -> UsageCollector:
    return UsageCollector(reader, ledger, metrics, ledger_error=UnavailableError, poll_interval=0.02)


def collect(collector: UsageCollector) -> None:
    while collector.collect_once():
        pass


def checks(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(select(func.coalesce(func.sum(usage_minutes.c.checks), 0))).scalar_one())


def outcomes(metrics: CollectorMetrics) -> dict[str, float]:
    return {
        labels[0]: child._value.get() for labels, child in metrics.batches._metrics.items() if child._value.get() > 0
    }
