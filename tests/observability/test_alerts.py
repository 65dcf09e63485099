"""Each alert fires when it should and is quiet when all is well, by promtool's own evaluation."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.observability.rules import FILES, promtool, rules

pytestmark = pytest.mark.slow  # they need promtool

ALERTS = [rule["alert"] for rule in rules() if "alert" in rule]
SIDECAR = 'job="extauth", instance="a:9902"'
CHECKS = f'extauth_checks_total{{{SIDECAR}, api="orders", reason="%s"}}'
SLOW_CHECKS = f'extauth_check_seconds_bucket{{{SIDECAR}, source="redis", le="%s"}}'
LAG = f'extauth_feed_lag_seconds_bucket{{{SIDECAR}, le="%s"}}'
READY = f'extauth_ready{{{SIDECAR}, component="%s"}}'
SPENDS = f'extauth_bucket_spends_total{{{SIDECAR}, api="orders", limit="per-key", outcome="allowed", source="%s"}}'


@dataclass(frozen=True, slots=True)
class Case:
    """Series in promtool's notation, one value a minute, for one alert; `minutes` is when it is looked at."""

    firing: Mapping[str, str]
    quiet: Mapping[str, str]
    minutes: int = 40


CASES = {
    "ExtauthTargetDown": Case(
        {'up{job="extauth"}': "1x30 0x20"}, {'up{job="extauth"}': "1x39 0", 'up{job="b"}': "0x50"}
    ),
    "ExtauthChecksUnavailable": Case(
        {CHECKS % "ok": "0+600x90", CHECKS % "unavailable": "0+60x90"},
        {CHECKS % "ok": "0+600x90", CHECKS % "unavailable": "0+6x90"},
        minutes=80,
    ),
    "ExtauthChecksUnavailableForLong": Case(
        {CHECKS % "ok": "0+600x400", CHECKS % "unavailable": "0+6x400"},
        {CHECKS % "ok": "0+600x400", CHECKS % "unavailable": "0+3x400"},
        minutes=390,
    ),
    "ExtauthNotReady": Case({READY % "warm": "0x50"}, {READY % "warm": "0x37 1x9", READY % "redis": "0x50"}),
    "ExtauthRedisAway": Case({READY % "redis": "1x30 0x20"}, {READY % "redis": "1x50", READY % "warm": "0x50"}),
    "ExtauthRedisErrors": Case(
        {f'extauth_redis_errors_total{{{SIDECAR}, kind="timeout"}}': "0+120x50"},
        {f'extauth_redis_errors_total{{{SIDECAR}, kind="timeout"}}': "0+30x50"},
    ),
    "ExtauthClocksDiffer": Case(
        {f"extauth_redis_clock_ahead_seconds{{{SIDECAR}}}": "-7x50"},
        {
            f"extauth_redis_clock_ahead_seconds{{{SIDECAR}}}": "-4x31 60x5 4x20",
            'extauth_feed_age_seconds{job="b"}': "60x50",
        },
    ),
    "ExtauthIssuerAway": Case(
        {READY % "issuer_keys": "0x50"}, {READY % "issuer_keys": "1x50", READY % "redis": "0x50"}
    ),
    "ExtauthProxyUntrusted": Case(
        {CHECKS % "untrusted_proxy": "0+60x50", CHECKS % "ok": "0+600x50"},
        {CHECKS % "untrusted_proxy": "7x50", CHECKS % "unavailable": "0+60x50"},
    ),
    "ExtauthAnyoneIsLetIn": Case(
        {CHECKS % "allowed_unidentified": "0x35 10x9"},
        {CHECKS % "allowed_unidentified": "10x50", CHECKS % "unavailable": "0+60x50"},
    ),
    "ExtauthChecksSlow": Case(
        {SLOW_CHECKS % "0.1": "0+90x50", SLOW_CHECKS % "0.3": "0+100x50", SLOW_CHECKS % "+Inf": "0+100x50"},
        {SLOW_CHECKS % "0.1": "0+995x50", SLOW_CHECKS % "0.3": "0+1000x50", SLOW_CHECKS % "+Inf": "0+1000x50"},
    ),
    "ExtauthSaturated": Case(
        {f"process_cpu_seconds_total{{{SIDECAR}}}": "0+58x50"},
        {f"process_cpu_seconds_total{{{SIDECAR}}}": "0+30x50", 'process_cpu_seconds_total{job="b"}': "0+60x50"},
    ),
    "ExtauthOverloaded": Case(
        {f'extauth_checks_shed_total{{{SIDECAR}, cause="late"}}': "0+6x50", CHECKS % "ok": "0+600x50"},
        {
            f'extauth_checks_shed_total{{{SIDECAR}, cause="late"}}': "7x50",
            f'extauth_checks_shed_total{{{SIDECAR}, cause="full"}}': "0+1x50",
            CHECKS % "ok": "0+6000x50",
        },
    ),
    "ExtauthWorkersDie": Case(
        {f'extauth_worker_restarts_total{{{SIDECAR}, worker="1", cause="ended"}}': "1x30 2 3 4 5x9"},
        {
            f'extauth_worker_restarts_total{{{SIDECAR}, worker="1", cause="ended"}}': "1x30 2x20",
            f'extauth_worker_restarts_total{{{SIDECAR}, worker="1", cause="asked"}}': "1x30 2 3 4 5x9",
        },
    ),
    "ExtauthPolicyRefused": Case(
        {f'extauth_policy_reloads_total{{{SIDECAR}, outcome="refused"}}': "0x35 1x9"},
        {
            f'extauth_policy_reloads_total{{{SIDECAR}, outcome="refused"}}': "0x10 1x40",
            f'extauth_policy_reloads_total{{{SIDECAR}, outcome="applied"}}': "0x35 1x9",
        },
    ),
    "ExtauthLimitsAreLocal": Case(
        {SPENDS % "local": "0+10x50"}, {SPENDS % "local": "0+1x50", SPENDS % "redis": "0+1000x50"}
    ),
    "ExtauthNoPublisher": Case(
        {'extauth_publisher_leading{instance="r1"}': "1x30 0x20", 'extauth_publisher_leading{instance="r2"}': "0x50"},
        {
            'extauth_publisher_leading{instance="r1"}': "1x30 0x20",
            'extauth_publisher_leading{instance="r2"}': "0x30 1x20",
        },
    ),
    "ExtauthPublisherBehind": Case(
        {"extauth_publisher_lag_seconds": "0x30 60+60x20"}, {"extauth_publisher_lag_seconds": "0x20 60 0x30"}
    ),
    "ExtauthHistoryDiverged": Case(
        {'extauth_publisher_errors_total{kind="diverged"}': "_x35 1x9"},
        {
            'extauth_publisher_errors_total{kind="diverged"}': "1x50",
            'extauth_publisher_errors_total{kind="redis"}': "0+1x50",
        },
    ),
    "ExtauthRevocationsSlow": Case(
        {LAG % "5.0": "0+9x50", LAG % "15.0": "0+10x50", LAG % "+Inf": "0+10x50"},
        {LAG % "0.1": "0+10x50", LAG % "5.0": "0+10x50", LAG % "+Inf": "0+10x50"},
    ),
    "ExtauthFeedSilent": Case(
        {f"extauth_feed_age_seconds{{{SIDECAR}}}": "0x30 30+60x20"},
        {f"extauth_feed_age_seconds{{{SIDECAR}}}": "0.1x50"},
    ),
    "ExtauthComparisonOverdue": Case(
        {"extauth_publisher_last_reconcile_timestamp_seconds": "0x200", "extauth_publisher_leading": "1x200"},
        {"extauth_publisher_last_reconcile_timestamp_seconds": "0x200", "extauth_publisher_leading": "0x200"},
        minutes=90,
    ),
    "ExtauthUsageLost": Case(
        {f'extauth_usage_lost_checks_total{{{SIDECAR}, cause="too_many_keys"}}': "_x35 7x9"},
        {f'extauth_usage_lost_checks_total{{{SIDECAR}, cause="too_many_keys"}}': "7x50"},
    ),
    "ExtauthUsageBehind": Case(
        {"extauth_collector_lag_seconds": "1000x50"},
        {"extauth_collector_lag_seconds": "10x50", "extauth_usage_fold_lag_seconds": "400x50"},
    ),
    "ExtauthUpkeepFails": Case(
        {'extauth_registry_upkeep_failures_total{job="fold"}': "0+1x50"},
        {'extauth_registry_upkeep_failures_total{job="fold"}': "1x30 2x20"},
    ),
    "ExtauthKeyGuessing": Case(
        {CHECKS % "ok": "0+600x50", CHECKS % "invalid_key": "0+1200x50"},
        {CHECKS % "ok": "0+60000x50", CHECKS % "invalid_key": "0+1200x50"},
    ),
    "ExtauthMostAreRefused": Case(
        {CHECKS % "ok": "0+60x50", CHECKS % "missing_scope": "0+120x50"},
        {CHECKS % "ok": "0+60x50", CHECKS % "missing_scope": "0+30x50", CHECKS % "rate_limited": "0+600x50"},
    ),
    "ExtauthCertificateEnds": Case(
        {'extauth_tls_certificate_expiry_timestamp_seconds{listener="grpc"}': "600000x100"},
        {'extauth_tls_certificate_expiry_timestamp_seconds{listener="grpc"}': "700000x100"},  # in eight days
        minutes=90,
    ),
    "ExtauthKeysLeaked": Case(
        {'extauth_registry_leaks_total{outcome="revoked"}': "_x35 1x9"},
        {'extauth_registry_leaks_total{outcome="unknown"}': "_x35 1x9"},
    ),
    "ExtauthKeysNeedAttention": Case(
        {'extauth_registry_key_findings{finding="expiring"}': "2x100"},
        {
            'extauth_registry_key_findings{finding="expiring"}': "0x100",
            'extauth_registry_key_findings{finding="unused"}': "5x100",
        },
        minutes=90,
    ),
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_rules_are_good(path: Path) -> None:
    done = promtool("check", "rules", str(path))
    assert done.returncode == 0, done.stderr
    assert "SUCCESS" in done.stdout


def test_every_alert_is_tested_and_says_what_to_do() -> None:
    assert sorted(CASES) == sorted(ALERTS)
    for rule in rules():
        if "alert" in rule:
            assert rule["labels"]["severity"] in {"critical", "warning", "info"}, rule["alert"]
            assert set(rule["annotations"]) == {"summary", "description"}, rule["alert"]


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_fires_and_is_quiet(alert: str, tmp_path: Path) -> None:
    case = CASES[alert]
    tests = tmp_path / "tests.yaml"
    groups = [_group(alert, case.minutes, series, fires=fires) for series, fires in ((case.firing, 1), (case.quiet, 0))]
    tests.write_text(yaml.safe_dump({"rule_files": [str(path) for path in FILES], "tests": groups}))
    done = promtool("test", "rules", str(tests))
    assert done.returncode == 0, done.stdout + done.stderr


def _group(alert: str, minutes: int, series: Mapping[str, str], *, fires: int) -> dict[str, object]:
    """A test of promtool's: how many kinds of this alert fire at that time."""
    expression = f'count(count by (severity) (ALERTS{{alertname="{alert}", alertstate="firing"}}))'
    samples = [{"labels": "{}", "value": 1}] if fires else []
    return {
        "name": f"{alert} {'fires' if fires else 'is quiet'}",
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{"expr": expression, "eval_time": f"{minutes}m", "exp_samples": samples}],
    }
