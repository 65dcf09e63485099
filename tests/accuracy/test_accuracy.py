"""The measurement of accuracy finds what it should, and its goals can be missed."""

from dataclasses import replace

import pytest

from extauth.store.bucket import Shape
from tests.accuracy import fleets, measure
from tests.accuracy.__main__ import run
from tests.accuracy.decision import Decision, excess, ideal
from tests.accuracy.fleet import Fleet, simulate
from tests.accuracy.goals import bound, goals
from tests.accuracy.measure import Case, found_of
from tests.accuracy.offered import Offered, Traffic
from tests.accuracy.page import SECTIONS, page

SECOND = 1_000_000
SHAPE = Shape.of(10, 1, 20)
START = 1_700_000_000 * SECOND


def decisions(admitted: int, refused: int, seconds: float) -> list[Decision]:
    """At an even pace, all that are admitted first."""
    total = admitted + refused
    return [Decision(START + round(seconds * SECOND * n / total), n < admitted) for n in range(total)]


def ideally(extra: int) -> list[Decision]:
    """50 requests in a second, admitted as they should be, and so many more."""
    found, room = [], 20.0
    for n, decision in enumerate(decisions(0, 50, 1)):
        room = min(room + (SHAPE.rate / 50 if n else 0), SHAPE.burst)
        is_due = room >= 1 - 1e-9
        room -= is_due
        admitted = is_due or extra > 0
        extra -= admitted and not is_due
        found.append(Decision(decision.time, admitted))
    return found


def met(mode: measure.Mode, made: list[Decision], load: float = 1, traffic: Traffic = "steady") -> list[bool]:
    """Whether each goal is met: exact by its total, exact in windows, leased in windows, leased at the limit, leased in
    large bursts.
    """
    found = found_of(Case(mode, 1, traffic, load), made, 0, SHAPE, 1)
    return [goal.is_met for goal in goals([found], SHAPE)]


def test_each_goal_can_be_missed() -> None:
    assert met("exact", ideally(extra=0))[:2] == [True, True]
    assert met("exact", ideally(extra=1))[:2] == [False, True]  # a window has room for the rounding of times
    assert met("exact", ideally(extra=3))[:2] == [False, False]
    most = 20 + int(bound(SHAPE))
    assert met("leased", decisions(most, 0, 0.001), load=2) == [True, True, True, False, False]  # none is at the limit
    assert met("leased", decisions(most + 2, 0, 0.001), load=2) == [True, True, False, False, False]
    assert met("leased", decisions(99, 1, 10)) == [True, True, True, True, False]  # and none is of large bursts
    assert met("leased", decisions(98, 2, 10)) == [True, True, True, False, False]
    assert met("leased", decisions(99, 1, 10), traffic="brimful") == [True, True, True, False, True]
    assert met("leased", decisions(98, 2, 10), traffic="brimful") == [True, True, True, False, False]


def test_the_ideal_is_one_exact_bucket() -> None:
    assert ideal(decisions(0, 100, 10), SHAPE) == 100
    assert ideal(decisions(0, 1000, 10), SHAPE) == 119  # 20, and what 9.99 seconds bring
    assert excess(decisions(20, 0, 0.001), SHAPE) == pytest.approx(0, abs=0.02)
    late = [Decision(START + 60 * SECOND + n, admitted=True) for n in range(23)]
    assert excess([*decisions(5, 0, 1), *late], SHAPE) == pytest.approx(3, abs=0.01)
    assert excess([], SHAPE) == -20


def test_processes_take_turns() -> None:
    steady, bursty = Offered(10, "steady", 2), Offered(10, "bursty", 2)
    assert sorted([*steady.due(0, 2), *steady.due(1, 2)]) == [n / 10 for n in range(20)]
    busy = sorted([*bursty.due(0, 3), *bursty.due(1, 3), *bursty.due(2, 3)])
    assert busy == pytest.approx([second + n / 50 for second in (0, 1) for n in range(10)])
    brimful = Offered(10, "brimful", 4)
    assert list(brimful.due(0, 1)) == pytest.approx([second + n / 100 for second in (0, 2) for n in range(20)])


def test_a_fleet_keeps_its_limit() -> None:
    found = simulate(Fleet(5, Shape.of(400, 1, 400), 800, 3))
    assert found.requests == 2400
    assert found.excess <= 100
    assert found.share > 0.98
    assert found.calls < found.requests / 2
    keys = simulate(Fleet(5, SHAPE, 500, 3, keys=1000, skew=1.5))
    assert 50 < keys.keys_seen < 500
    assert keys.share > 0.98
    assert simulate(replace(keys.fleet, skew=0)).keys_seen > 700


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_quick_run_measures_everything_and_keeps_within_the_bounds() -> None:
    found = run(replace(measure.QUICK, processes=(1, 3)), fleets.QUICK)
    assert len(found.measured) == 2 * 2 * (2 * 2 + 1)
    assert all(one.requests == one.case.load * measure.RATE * measure.QUICK.seconds for one in found.measured)
    assert [line for line in page(found).splitlines() if line.startswith("## ")] == [f"## {name}" for name in SECTIONS]
    never_above = list(goals(found.measured, measure.LIMIT))[:3]
    assert [goal.text for goal in never_above if not goal.is_met] == []
    assert all(one.excess <= bound(one.fleet.limit) + 1 for one in found.simulated)
