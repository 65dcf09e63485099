"""What the upkeep of a registry does every minute, from its settings."""

import threading
from collections.abc import Mapping

from extauth.registry.database import Database
from extauth.registry.settings import RegistrySettings
from extauth.registry.upkeep import Job
from extauth.registry.usage_fold import UsageFold
from extauth.registry.usage_recent import RecentUsage
from extauth.registry.usage_settings import RetentionSettings
from extauth.registry.usage_tables import Resolution
from extauth.telemetry.ledger_metrics import LedgerMetrics


def jobs_of(settings: RegistrySettings, database: Database, metrics: LedgerMetrics) -> Mapping[str, Job]:
    """By name, in the order in which they are done."""
    fold = UsageFold(database, _milliseconds(settings.usage.retention))
    shown = settings.usage.metrics
    recent = RecentUsage(database, metrics.recent, window=round(shown.window * 1000), series=shown.series)

    def fold_usage(stopping: threading.Event) -> None:
        metrics.fold_lag.set(fold.lag())
        fold.run(stopping)

    return {"recent_usage": lambda _stopping: recent.refresh(), "fold": fold_usage}


def _milliseconds(retention: RetentionSettings) -> Mapping[Resolution, int | None]:
    days = retention.days
    return {
        "minute": round(retention.minutes * 1000),
        "hour": round(retention.hours * 1000),
        "day": None if days is None else round(days * 1000),
    }
