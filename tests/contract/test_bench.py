"""The benchmarks run, all of them, briefly. What they measure is not judged here."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.__main__ import Effort, measure
from tests.bench.h2load import RATES
from tests.bench.page import SECTIONS, page
from tests.bench.servers import ROOT
from tests.bench.settings import LIMITS

BRIEF = Effort(rounds=1, sample=0.2, soak=0.5, outage=0.5, keys=200, decisions=1, h2load=100)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_a_run_measures_everything(tmp_path: Path) -> None:
    found = measure(tmp_path, BRIEF, rounds=1)
    for samples in found.samples.values():
        assert len(samples) == 1
        assert samples[0].rate > 0
        assert all(cpu > 0 for cpu in samples[0].cpu.values())
    assert found.h2load.keys() == {(variant.name, rate) for variant in found.direct for rate in RATES}
    assert all(run.failed == 0 for runs in found.h2load.values() for run in runs)
    assert found.soak.result.answered > 0
    assert all(outage.after.answered > 0 for outage in found.outages.values())
    assert all(0 < times.best <= times.median for forms in found.decisions.values() for times in forms.values())
    assert re.findall(r"^## (.*)$", page(found), re.MULTILINE) == list(SECTIONS)


def test_a_revision_is_compared_with_the_working_tree() -> None:
    command = [sys.executable, "-m", "tests.bench.compare", "HEAD", "--rounds", "1", "--seconds", "0.2"]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert ended.returncode == 0, ended.stderr
    rows = re.findall(r"^\| (closed loop|map|raw|1,000/s) \| (\w+) \|.* \| [\d.]+ \|$", ended.stdout, re.MULTILINE)
    live = [(load, limits) for load in ("closed loop", "1,000/s") for limits in LIMITS]
    assert rows == [*live, *((form, limits) for limits in ("none", "leased") for form in ("map", "raw"))]


def test_a_profile_shows_the_decision_or_says_why_not() -> None:
    (ROOT / ".build" / "profile.svg").unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.bench.profile", "--seconds", "2"]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    if ended.returncode == 0:
        assert re.search(r"<title>Decider\.decide", (ROOT / ".build" / "profile.svg").read_text())
    else:
        assert "py-spy may not look into the sidecar" in ended.stderr
