"""What a soak is there to notice, it does."""

import random
from collections import Counter
from dataclasses import replace

import pytest

from tests.linearizability.key_history import KeyHistory
from tests.linearizability.key_pool import KeyPool, PooledKey
from tests.linearizability.key_state import KeyState, Standing
from tests.soak.callers import PROMISE, Tally, _Caller
from tests.soak.footprint import MIB, Footprint, Sample, slope
from tests.soak.goals import GROWTH, goals
from tests.soak.page import page
from tests.soak.run import Findings

CALM = Footprint(proportional=60 * MIB, own=50 * MIB, files=15, threads=17)


def findings(last: Footprint = CALM, tally: Tally | None = None, local: int = 0) -> Findings:
    samples = [Sample(at, dict.fromkeys(GROWTH, one)) for at, one in ((300.0, CALM), (1800.0, CALM), (3600.0, last))]
    spends = Counter({"tight-exact": local})
    return Findings(
        3600.0, 300.0, 3.0, tally or Tally(), Counter(), Counter(), samples, 0.1, spends, load=1.0, stolen=0.0
    )


def not_met(found: Findings) -> set[str]:
    return {goal.text for goal in goals(found) if not goal.is_met}


def test_an_uneventful_hour() -> None:
    assert not_met(findings()) == set()
    assert "not met" not in page(findings())


def test_growth() -> None:
    grown = not_met(findings(replace(CALM, own=CALM.own + 17 * MIB)))
    assert grown == {f"memory of {name}: growth since it had settled, MiB" for name in GROWTH}
    assert not_met(findings(replace(CALM, proportional=CALM.proportional * 2))) == set()  # somebody else has ended
    assert not_met(findings(replace(CALM, files=50))) == {f"open files of {name}: growth since then" for name in GROWTH}


@pytest.mark.parametrize(("local", "is_met"), [(1, False), (2, True)])
def test_what_local_buckets_admit_is_no_fault_of_the_one_in_redis(local: int, *, is_met: bool) -> None:
    most = 10 * 3601 + 1
    found = findings(tally=Tally(admitted=Counter({"tight-exact": most + 2})), local=local)
    assert not_met(found) == (set() if is_met else {"requests that `tight-exact` admitted"})


@pytest.mark.parametrize(
    ("after", "answer", "is_wrong"),
    [
        (PROMISE - 0.1, "ok", False),
        (PROMISE + 0.1, "ok", True),
        (PROMISE + 0.1, "revoked_key", False),
        (PROMISE + 0.1, "rate_limited", True),
        (PROMISE + 0.1, "invalid_key", True),
    ],
)
def test_a_verdict_is_judged(after: float, answer: str, *, is_wrong: bool) -> None:
    history = KeyHistory()
    history.begin(0.0, KeyState(Standing.ACTIVE)).end(0.1)
    history.begin(100.0, KeyState(Standing.REVOKED)).end(100.1)
    caller = _Caller("127.0.0.1:9", KeyPool(), {}, 1.0, random.Random(1))
    caller._judge("plain", PooledKey("id", "secret", history), answer, 100.1 + after, 100.2 + after)
    assert bool(caller.tally.wrong) is is_wrong
    assert bool(not_met(findings(tally=caller.tally))) is is_wrong
    assert ("key id" in page(findings(tally=caller.tally))) is is_wrong


def test_a_line_through_points() -> None:
    assert slope([(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]) == pytest.approx(2.0)
    assert slope([(1.0, 7.0)]) == 0.0
