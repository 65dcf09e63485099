"""What the upkeep of a registry does every minute, from its settings."""

import threading
from collections.abc import Mapping

from extauth.registry.database import Database
from extauth.registry.health_settings import HealthSettings
from extauth.registry.key_health import FINDINGS, KeyHealth, Thresholds
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.upkeep import Job
from extauth.registry.usage_fold import UsageFold
from extauth.registry.usage_recent import RecentUsage
from extauth.registry.usage_settings import RetentionSettings, UsageSettings
from extauth.registry.usage_tables import Resolution
from extauth.telemetry.ledger_metrics import LedgerMetrics


def jobs_of(
    settings: UsageSettings,
    database: Database,
    ledger_metrics: LedgerMetrics,
    health: KeyHealth,
    metrics: RegistryMetrics,
) -> Mapping[str, Job]:
    """By name, in the order in which they are done."""
    fold = UsageFold(database, _milliseconds(settings.retention))
    shown = settings.metrics
    recent = RecentUsage(database, ledger_metrics.recent, window=round(shown.window * 1000), series=shown.series)

    def fold_usage(stopping: threading.Event) -> None:
        ledger_metrics.fold_lag.set(fold.lag())
        fold.run(stopping)

    def count_findings(_stopping: threading.Event) -> None:
        for finding, keys in health.count().items():
            metrics.findings.labels(finding).set(keys)

    return {"recent_usage": lambda _stopping: recent.refresh(), "key_health": count_findings, "fold": fold_usage}


def thresholds_of(settings: HealthSettings) -> Thresholds:
    return {finding: round(getattr(settings, finding) * 1000) for finding in FINDINGS}


def _milliseconds(retention: RetentionSettings) -> Mapping[Resolution, int | None]:
    days = retention.days
    return {
        "minute": round(retention.minutes * 1000),
        "hour": round(retention.hours * 1000),
        "day": None if days is None else round(days * 1000),
    }
