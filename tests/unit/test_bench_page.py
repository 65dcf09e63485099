"""What a benchmark's page says is what was measured, also where that is not what was hoped for."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.bench import check_path, page
from tests.bench.check_path import direct_name, envoy_name
from tests.bench.decision import Times
from tests.bench.endurance import Outage, Soak
from tests.bench.goals import goals, goals_table
from tests.bench.h2load import RATES, Found
from tests.bench.load.requests import Requests
from tests.bench.load.result import Result
from tests.bench.measure import ENVOY, SERVER, SHAPES, Sample, Samples, Variant, difference, middle, p99, ratio

COMMITTED = Path(__file__).parents[2] / "docs" / "performance.md"
REQUESTS = Requests("unix:/nowhere", b"", [(b"", b"")], 0, grpc=True)
LIMITS = ("none", "leased")
H2LOAD = [Found(500, 900, 70, 0), Found(700, 1100, 90, 2)]


def sample(cpu: float, latency: float = 1_000, failed: int = 0) -> Sample:
    """Times in microseconds."""
    times = {"p50": latency / 2, "p99": latency, "p999": latency, "worst": latency}
    return Sample(rate=1e6 / cpu, **times, failed=failed, errors="", cpu={SERVER: cpu, ENVOY: 100})


def variants() -> tuple[list[Variant], list[Variant]]:
    direct = [direct_name(handler, name) for handler in (check_path.NOTHING, *LIMITS) for name in check_path.TRANSPORTS]
    through = [envoy_name(handler, name) for handler in LIMITS for name in check_path.TRANSPORTS]
    through.append(envoy_name(check_path.UNCHECKED))
    return tuple([Variant(name, REQUESTS, {}, 1, 1) for name in names] for names in (direct, through))


def samples(*, lean: float, stock: float, nothing: float = 100) -> Samples:
    """Two rounds, the second one on a machine that is twice as slow."""

    def cpu(name: str) -> float:
        if name.startswith(check_path.NOTHING):
            return nothing
        return lean if "lean" in name else stock

    return {
        (variant.name, shape.name): [sample(turn * cpu(variant.name), turn * 10 * cpu(variant.name)) for turn in (1, 2)]
        for group in variants()
        for variant in group
        for shape in SHAPES
    }


def test_rounds_are_compared_with_themselves() -> None:
    fast, slow = [sample(10), sample(30), sample(20)], [sample(20), sample(60), sample(80)]
    assert middle(fast, lambda one: one.cpu[SERVER]) == 20
    assert ratio(fast, slow, lambda one: one.cpu[SERVER]) == 0.5
    assert difference([sample(1, 50), sample(1, 90)], [sample(1, 40), sample(1, 60)], p99) == 20


def test_goals_are_met_or_not_as_measured() -> None:
    assert all(goal.is_met for goal in goals(samples(lean=40, stock=100), "leased"))
    missed = [goal.bound for goal in goals(samples(lean=300, stock=400), "leased") if not goal.is_met]
    assert missed == [0.45, 0.6, 0.5, 2.5]
    assert goals_table(samples(lean=300, stock=400), LIMITS).count("**not met**") == 8
    assert "not met" not in goals_table(samples(lean=40, stock=100), LIMITS)


def test_quantiles_are_those_of_right_answers_in_order() -> None:
    result = Result([0.003, 0.001, 0.002, 0.004], Counter({"reset": 2, "never sent": 0}), seconds=2)
    assert [result.quantile(share) for share in (0, 0.5, 0.99, 1)] == [0.001, 0.003, 0.004, 0.004]
    assert (result.answered, result.failed, result.rate) == (4, 2, 2)
    assert Result().quantile(0.5) == float("inf")


@pytest.fixture
def findings() -> page.Findings:
    direct, through = variants()
    lost = Result([0.001], Counter({"grpc-status 4": 3, "never sent": 0}), seconds=1)
    fine = Result([0.001], seconds=1)
    found = samples(lean=100, stock=200)
    found["leased, stock", "1,000/s"] = [sample(100, 500, failed=7), sample(100, 700, failed=1)]
    return page.Findings(
        rounds=2,
        seconds=1,
        limits=LIMITS,
        through_envoy_limits=LIMITS,
        direct=direct,
        through_envoy=through,
        samples=found,
        h2load={
            (one.name, rate): [Found(500, 900, 70, 0), Found(700, 1100, 90, 2)] for one in direct for rate in RATES
        },
        soak=Soak(1_000, fine, 50 * 2**20, 51 * 2**20),
        outages={limits: Outage(fine, lost, fine) for limits in LIMITS},
        decisions={"none": {"map": Times(8e-6, 9.5e-6), "raw": Times(12e-6, 14e-6)}},
        keys=100,
        key_rows=[("start to ready", "1 s")],
        stolen=0.01,
    )


def test_a_page_has_every_table_and_hides_no_error(findings: page.Findings) -> None:
    text = page.page(findings)
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == list(page.SECTIONS)
    assert re.findall(r"^### (.*)$", text, re.MULTILINE) == [shape.name.capitalize() for shape in SHAPES] * 2
    assert "| leased, stock | 10,000 | 0.30 | 0.60 | 0.60 | 0.70 | 100 | 10,000 | 8 |" in text
    assert "| none, lean : stock | 0.50 |" in text
    assert "| none, lean | 0.60 | 1.00 | 80 | 0.60 | 1.00 | 80 | 4 |" in text
    assert "3 grpc-status 4 |" in text
    assert "| none | 8.0 µs, 9.5 µs | 12.0 µs, 14.0 µs |" in text
    assert "never sent" not in text
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({line.count("|") for line in table.splitlines()}) == 1, table


def test_the_committed_page_has_what_a_run_writes() -> None:
    text = COMMITTED.read_text()
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == list(page.SECTIONS)
    for line in (*(f"### {shape.name.capitalize()}" for shape in SHAPES), "| check, transport | answers a second |"):
        assert line in text
