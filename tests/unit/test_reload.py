"""Taking over a changed policy file."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from extauth.policy.settings import SidecarSettings
from extauth.serving.reload import PolicyReloader
from extauth.settings.model import load
from extauth.telemetry.sidecar_metrics import policy_reloads
from tests.support.wait import wait_until

GOOD = """
keys: {peppers: [{id: p1, env: PEPPER}]}
apis: [{name: one, credentials: [{header: x-api-key}]}]
"""


class Bench:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.applied: list[SidecarSettings] = []
        self.registry = CollectorRegistry()
        path.write_text(GOOD)
        self.reloader = PolicyReloader(
            path,
            load(SidecarSettings, path),
            lambda settings, _: self.applied.append(settings),
            policy_reloads(self.registry),
        )

    def change(self, text: str) -> None:
        self.path.write_text(text)
        self.reloader.look()

    def outcomes(self, outcome: str) -> float:
        return self.registry.get_sample_value("extauth_policy_reloads_total", {"outcome": outcome}) or 0


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "extauth.yaml")


def test_nothing_happens_while_the_file_is_the_same(bench: Bench) -> None:
    bench.reloader.look()
    bench.change(GOOD)
    assert bench.applied == []


def test_a_changed_policy_is_taken_over_once(bench: Bench) -> None:
    bench.change(GOOD.replace("one", "two") + "errors: {default: {body: denied}}\n")
    bench.reloader.look()
    (settings,) = bench.applied
    assert settings.apis[0].name == "two"
    assert settings.errors["default"].body == "denied"
    assert bench.outcomes("applied") == 1


def test_a_bad_file_changes_nothing_and_a_good_one_then_does(bench: Bench) -> None:
    bench.change(GOOD.replace("header", "headers"))
    bench.change("not: [yaml")
    assert bench.applied == []
    assert bench.outcomes("refused") == 2
    bench.change(GOOD.replace("one", "two"))
    assert [settings.apis[0].name for settings in bench.applied] == ["two"]


def test_sections_of_the_process_itself_are_left_as_they_were(bench: Bench) -> None:
    bench.change(GOOD.replace("one", "two") + "cache: {size: 7}\nredis: {namespace: other}\n")
    (settings,) = bench.applied
    assert settings.apis[0].name == "two"
    assert (settings.cache.size, settings.redis.namespace) == (100_000, "extauth")


def test_what_apis_do_in_an_outage_is_a_part_of_the_policy(bench: Bench) -> None:
    bench.change(GOOD + "outage: {limits: error}\n")
    (settings,) = bench.applied
    assert settings.outage.limits == "error"


def test_changed_issuers_need_a_restart(bench: Bench) -> None:
    issuer = "{name: sso, issuer: 'https://sso', audiences: [a], jwks: {url: 'https://sso/keys'}}"
    bench.change(GOOD.replace("one", "two") + f"bearer: {{issuers: [{issuer}]}}\n")
    assert bench.applied == []
    assert bench.outcomes("refused") == 1


def test_a_file_that_is_away_for_a_moment_is_waited_for(bench: Bench) -> None:
    bench.path.unlink()
    bench.reloader.look()
    bench.change(GOOD.replace("one", "two"))
    assert len(bench.applied) == 1


def test_the_thread_looks_when_it_is_told_to(bench: Bench) -> None:
    bench.reloader.start()
    bench.path.write_text(GOOD.replace("one", "two"))
    bench.reloader.look_now()
    wait_until(lambda: len(bench.applied) == 1)
    bench.reloader.stop(timeout=5)
