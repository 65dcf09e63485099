"""A soak of twenty seconds. How much memory grows in that time says nothing, so only verdicts are judged."""

import re
from pathlib import Path

import pytest

from tests.soak.goals import GROWTH, goals
from tests.soak.page import SECTIONS, page
from tests.soak.run import run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_short_run_finds_no_wrong_verdict(tmp_path: Path) -> None:
    found = run(tmp_path, seconds=20, rate=150, pace=3, seed=7)
    assert found.tally.examples == []
    assert found.failures.total() == 0
    met = {goal.text: goal.is_met for goal in goals(found) if "memory" not in goal.text}
    assert met == dict.fromkeys(met, True)
    assert {"ok", "invalid_key", "missing_scope"} <= set(found.tally.answers)
    assert found.changes.total() > 10
    assert all(sample.of.keys() == GROWTH.keys() for sample in found.samples)
    assert all(
        one.proportional > one.own > 0 and one.files > 0 for sample in found.samples for one in sample.of.values()
    )
    assert re.findall(r"^## (.*)$", page(found), re.MULTILINE) == list(SECTIONS)
