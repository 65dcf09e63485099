"""What /metrics tells of usage: bounded however many keys there are, and sums that are true."""

import random
import threading

import httpx2
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from extauth.registry.database import Database
from extauth.registry.errors import UnavailableError
from extauth.registry.key_health import KeyHealth
from extauth.registry.ledger import Ledger
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.settings import RegistrySettings
from extauth.registry.upkeep import Upkeep
from extauth.registry.upkeep_jobs import jobs_of, thresholds_of
from extauth.registry.usage_recent import RecentUsage
from extauth.registry.usage_tables import MINUTE
from extauth.telemetry.ledger_metrics import OTHERS, LedgerMetrics
from tests.registry.conftest import serve
from tests.support.usage import NOON, batch, row
from tests.support.wait import wait_until

RECENT = "extauth_usage_recent_checks"
WINDOW = 5 * MINUTE


class Time:
    now = NOON + MINUTE + MINUTE // 2

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def metrics() -> LedgerMetrics:
    return LedgerMetrics(CollectorRegistry())


def shown(metrics: LedgerMetrics) -> dict[tuple[str, str], float]:
    """Checks by key and outcome."""
    (family,) = metrics.recent.collect()
    assert len({tuple(sample.labels.items()) for sample in family.samples}) == len(family.samples)
    return {(sample.labels["key"], sample.labels["outcome"]): sample.value for sample in family.samples}


def recent(database: Database, metrics: LedgerMetrics, time: Time, series: int = 12) -> RecentUsage:
    return RecentUsage(database, metrics.recent, window=WINDOW, series=series, clock=time)


def test_the_busiest_keys_have_series_of_their_own(database: Database, metrics: LedgerMetrics, time: Time) -> None:
    denied = {"denied:expired_key": 3, "denied:missing_scope": 1}
    rows = [
        row("quiet"),
        row("many", allowed=50),
        row("many", NOON - MINUTE, allowed=7),
        row("denied", limited=20, **denied),
        row("some", api="admin", allowed=5),
        row("some", allowed=4),
        row("silent", NOON - WINDOW, allowed=1000),  # before the window
        row("early", NOON + MINUTE, allowed=1000),  # after it
    ]
    Ledger(database, time).add([batch(1, *rows)])
    recent(database, metrics, time).refresh()
    assert {name: checks for name, checks in shown(metrics).items() if checks} == {
        ("many", "allowed"): 57,
        ("denied", "limited"): 20,
        ("denied", "denied"): 4,
        ("some", "allowed"): 9,
        (OTHERS, "allowed"): 1,
    }
    assert len(shown(metrics)) == 12


def test_ten_thousand_keys_take_no_more_series_than_they_may(
    database: Database, metrics: LedgerMetrics, time: Time
) -> None:
    ledger = Ledger(database, time)
    dice = random.Random(1)
    keys = [f"{number:012}" for number in range(10_000)]
    refreshing = recent(database, metrics, time, series=300)
    seen: set[tuple[str, str]] = set()
    for minute in range(4):  # keys come and go
        time.now = NOON + minute * WINDOW + MINUTE + MINUTE // 2
        rows = [row(key, NOON + minute * WINDOW, allowed=dice.randrange(1, 1000), limited=1) for key in keys]
        ledger.add([batch(minute + 1, *rows)])
        refreshing.refresh()
        assert len(shown(metrics)) == 300
        assert sum(shown(metrics).values()) == sum(row.total for row in rows)
        assert max(shown(metrics).values()) == shown(metrics)[OTHERS, "allowed"]
        seen |= shown(metrics).keys()
    assert len(seen) > 300 * 2


def test_the_counter_of_all_checks_never_goes_back(database: Database, time: Time) -> None:
    registry = CollectorRegistry()
    metrics = LedgerMetrics(registry)
    ledger = Ledger(database, time, metrics)
    refreshing = recent(database, metrics, time, series=6)
    before: dict[str, float] = {}
    for number in range(1, 8):
        time.now = NOON + number * MINUTE
        busy = row(f"key {number % 3}", time.now - MINUTE, allowed=100 * number, **{"denied:expired_key": number})
        sent = batch(number, busy, row("steady", time.now - MINUTE))
        ledger.add([sent, sent])  # what comes twice counts once
        ledger.add([sent])
        refreshing.refresh()
        after = {
            sample.labels["outcome"]: sample.value
            for family in text_string_to_metric_families(generate_latest(registry).decode())
            for sample in family.samples
            if sample.name == "extauth_usage_checks_total"
        }
        assert all(after[outcome] >= value for outcome, value in before.items())
        before = after
    assert before == {"allowed": 100 * 28 + 7, "denied:expired_key": 28}


def test_outcomes_that_nobody_knows_make_no_series(database: Database, time: Time) -> None:
    metrics = LedgerMetrics(CollectorRegistry())
    unknown = {f"denied:reason_{number}": 1 for number in range(50)}
    Ledger(database, time, metrics).add([batch(1, row("a", **unknown))])
    assert set(metrics.checks._metrics) == {("denied",)}
    assert metrics.checks.labels("denied")._value.get() == 50


def test_series_of_a_window_without_usage(database: Database, metrics: LedgerMetrics, time: Time) -> None:
    recent(database, metrics, time).refresh()
    assert shown(metrics) == {(OTHERS, "allowed"): 0, (OTHERS, "limited"): 0, (OTHERS, "denied"): 0}


def test_a_registry_does_its_upkeep(settings: RegistrySettings) -> None:
    """/metrics shows what a job of the running registry has found."""
    for server in serve(settings):
        with httpx2.Client(base_url=f"http://{server.http_address}") as http:
            wait_until(lambda: f'{RECENT}{{key="{OTHERS}"' in http.get("/metrics").text)
            assert "extauth_usage_fold_lag_seconds" in http.get("/metrics").text


def test_a_job_that_fails_is_told_and_holds_up_no_other() -> None:
    metrics = RegistryMetrics(CollectorRegistry())
    done = []

    def fail(_stopping: threading.Event) -> None:
        raise UnavailableError("away")

    upkeep = Upkeep({"first": fail, "second": done.append}, metrics, interval=0.01)
    upkeep.start()
    wait_until(lambda: len(done) >= 3)
    upkeep.stop(timeout=5)
    assert metrics.upkeep_failures.labels("first")._value.get() >= 3
    assert metrics.upkeep_failures.labels("second")._value.get() == 0


def test_jobs_follow_the_settings(database: Database, settings: RegistrySettings) -> None:
    usage = {"retention": {"minutes": "1h", "hours": "24h", "days": "30d"}, "metrics": {"series": 6}}
    given = settings.model_validate({**settings.model_dump(exclude_unset=True), "usage": usage})
    metrics = LedgerMetrics(CollectorRegistry())
    registry_metrics = RegistryMetrics(CollectorRegistry())
    health = KeyHealth(database, thresholds_of(given.health))
    Upkeep(jobs_of(given.usage, database, metrics, health, registry_metrics), registry_metrics).run_once()
    assert len(shown(metrics)) == 3
    assert registry_metrics.findings.labels("unused")._value.get() == 0
