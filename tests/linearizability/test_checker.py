"""The checker finds what it is there to find, and nothing where nothing is wrong."""

import math

import pytest

from tests.linearizability.checker import UNANSWERED, UNAVAILABLE, Asked, Fault, age, violations
from tests.linearizability.key_history import KeyHistory
from tests.linearizability.key_pool import PooledKey
from tests.linearizability.key_state import (
    DISABLED,
    EXPIRED,
    INVALID,
    MISSING_SCOPE,
    NEVER,
    OK,
    REVOKED,
    KeyState,
    Moment,
    Standing,
)
from tests.linearizability.troubles import Bounds, Calendar, Trouble

BOUNDS = Bounds(promise=1.0, recovery=5.0, max_stale=10.0)
WORKS, OFF = KeyState(Standing.ACTIVE, frozenset({"read"})), KeyState(Standing.DISABLED, frozenset({"read"}))
ENDED = KeyState(Standing.REVOKED)


def key(*changes: tuple[float, float, KeyState]) -> PooledKey:
    """Made at 0, then changed between these times."""
    history = KeyHistory()
    for begun, ended, state in ((0.0, 0.1, WORKS), *changes):
        history.begin(begun, state).end(ended)
    return PooledKey("id", "secret", history)


REVOKED_AT_20 = key((20.0, 20.2, ENDED))


def asked(
    at: float, answer: str, about: PooledKey, *, place: str = "east", run: int = 0, scope: str | None = None
) -> Asked:
    return Asked(place, run, about, scope, at, at + 0.1, answer)


def faults(*checks: Asked, troubles: tuple[Trouble, ...] = ()) -> list[Fault]:
    return [found.fault for found in violations(checks, Calendar(troubles, BOUNDS))]


@pytest.mark.parametrize(
    ("at", "answer"),
    [
        (-0.05, OK),  # it is made while the question is on its way
        (0.5, INVALID),  # nobody has told the sidecar yet
        (10.0, OK),
        (19.95, REVOKED),
        (20.1, OK),
        (21.1, OK),  # within the promise
        (21.3, REVOKED),
        (90.0, UNAVAILABLE),  # an error is no verdict
        (90.0, UNANSWERED),
    ],
)
def test_what_the_registry_allows(at: float, answer: str) -> None:
    assert faults(asked(at, answer, REVOKED_AT_20)) == []


@pytest.mark.parametrize(
    ("at", "answer", "fault"),
    [
        (21.3, OK, Fault.TOO_OLD),
        (2.0, INVALID, Fault.TOO_OLD),
        (-1.0, OK, Fault.NEVER_RIGHT),
        (10.0, REVOKED, Fault.NEVER_RIGHT),  # before it was
        (10.0, DISABLED, Fault.NEVER_RIGHT),
        (10.0, EXPIRED, Fault.NEVER_RIGHT),
        (10.0, MISSING_SCOPE, Fault.NEVER_RIGHT),
        (10.0, "rate_limited", Fault.NEVER_RIGHT),
    ],
)
def test_what_it_does_not_allow_is_found(at: float, answer: str, fault: Fault) -> None:
    assert faults(asked(at, answer, REVOKED_AT_20)) == [fault]


def test_a_key_that_nobody_made() -> None:
    made_up = PooledKey("", "secret", KeyHistory())
    assert faults(asked(5.0, INVALID, made_up)) == []
    assert faults(asked(5.0, OK, made_up)) == [Fault.NEVER_RIGHT]


def test_a_key_that_is_switched_off_and_on() -> None:
    switched = key((20.0, 20.1, OFF), (30.0, 30.1, WORKS))
    assert faults(asked(25.0, DISABLED, switched), asked(30.5, DISABLED, switched), asked(35.0, OK, switched)) == []
    assert faults(asked(25.0, OK, switched)) == [Fault.TOO_OLD]
    assert faults(asked(35.0, DISABLED, switched)) == [Fault.TOO_OLD]


def test_scopes() -> None:
    narrowed = key((20.0, 20.1, KeyState(Standing.ACTIVE)))
    assert faults(asked(10.0, OK, narrowed, scope="read"), asked(25.0, MISSING_SCOPE, narrowed, scope="read")) == []
    assert faults(asked(25.0, OK, narrowed)) == []
    assert faults(asked(25.0, OK, narrowed, scope="read")) == [Fault.TOO_OLD]


def test_a_sidecar_knows_by_itself_when_a_key_expires() -> None:
    expiring = key((20.0, 20.1, KeyState(Standing.ACTIVE, expiry=Moment(30.0, 30.5))))
    assert (
        faults(*(asked(at, answer, expiring) for at, answer in ((29.95, EXPIRED), (30.4, OK), (31.0, EXPIRED)))) == []
    )
    assert faults(asked(29.0, EXPIRED, expiring)) == [Fault.NEVER_RIGHT]
    assert faults(asked(31.0, OK, expiring)) == [Fault.TOO_OLD]


def test_a_change_of_which_nobody_knows_whether_it_was_made() -> None:
    unsure = key((20.0, math.inf, OFF))
    assert faults(asked(90.0, OK, unsure), asked(90.0, DISABLED, unsure)) == []
    settled = key((20.0, math.inf, OFF), (40.0, 40.1, ENDED))
    assert faults(asked(90.0, OK, settled)) == [Fault.TOO_OLD]
    assert faults(asked(90.0, DISABLED, settled)) == [Fault.TOO_OLD]


def test_a_sidecar_that_is_cut_off_goes_on_for_max_stale_and_no_longer() -> None:
    cut = Trouble("cut", 19.0, "east", ended=60.0)
    assert faults(asked(30.0, OK, REVOKED_AT_20), troubles=(cut,)) == []
    assert faults(asked(31.3, OK, REVOKED_AT_20), troubles=(cut,)) == [Fault.TOO_OLD]
    assert faults(asked(22.0, OK, REVOKED_AT_20, place="west"), troubles=(cut,)) == [Fault.TOO_OLD]


def test_nobody_can_know_what_is_not_published() -> None:
    stopped = Trouble("registry stopped", 20.5, ended=40.0)
    assert faults(asked(45.5, OK, REVOKED_AT_20), troubles=(stopped,)) == []
    assert faults(asked(46.1 + BOUNDS.max_stale, OK, REVOKED_AT_20), troubles=(stopped,)) == [Fault.TOO_OLD]
    assert faults(asked(46.1, OK, REVOKED_AT_20), troubles=(stopped,)) == [Fault.TOO_OLD]


def test_a_trouble_that_began_after_the_promise_was_due_excuses_nothing() -> None:
    late = Trouble("registry stopped", 21.5, ended=40.0)
    assert faults(asked(30.0, OK, REVOKED_AT_20), troubles=(late,)) == [Fault.TOO_OLD]


def test_troubles_that_follow_each_other_too_closely_are_one() -> None:
    troubles = (Trouble("a", 20.0, ended=22.0), Trouble("b", 27.5, ended=30.0), Trouble("c", 50.0, ended=51.0))
    assert faults(asked(35.9, OK, REVOKED_AT_20), troubles=troubles) == []
    assert faults(asked(36.1, OK, REVOKED_AT_20), troubles=troubles) == [Fault.TOO_OLD]


def test_a_redis_that_was_rolled_back_excuses_what_it_has_forgotten_until_it_is_told_again() -> None:
    back = Trouble("rolled back", 50.0, forgotten_since=18.0, ended=51.0)
    other = Trouble("rolled back", 50.0, forgotten_since=30.0, ended=51.0)
    assert faults(asked(52.0, OK, REVOKED_AT_20), troubles=(back,)) == []
    assert faults(asked(57.1, OK, REVOKED_AT_20), troubles=(back,)) == [Fault.TOO_OLD]
    assert faults(asked(49.0, OK, REVOKED_AT_20), troubles=(back,)) == [Fault.TOO_OLD]
    assert faults(asked(52.0, OK, REVOKED_AT_20), troubles=(other,)) == [Fault.TOO_OLD]


def test_who_has_refused_a_revoked_key_never_lets_it_in_again() -> None:
    back = Trouble("rolled back", 50.0, forgotten_since=18.0, ended=51.0)
    refused, let_in = asked(30.0, REVOKED, REVOKED_AT_20), asked(52.0, OK, REVOKED_AT_20)
    assert faults(refused, let_in, troubles=(back,)) == [Fault.LET_IN_AGAIN]
    assert faults(let_in, refused, troubles=(back,)) == [Fault.LET_IN_AGAIN]  # in whatever order they were written down
    elsewhere = asked(52.0, OK, REVOKED_AT_20, place="west")
    assert faults(refused, elsewhere, troubles=(back,)) == []
    assert faults(refused, asked(52.0, OK, REVOKED_AT_20, run=1), troubles=(back,)) == []


def test_how_old_an_answer_is() -> None:
    assert age(asked(20.0, OK, REVOKED_AT_20)) == 0
    assert age(asked(20.7, OK, REVOKED_AT_20)) == pytest.approx(0.5)
    assert age(asked(30.0, OK, key((20.0, 20.1, KeyState(Standing.ACTIVE, expiry=NEVER))))) == 0
    assert age(asked(30.0, DISABLED, REVOKED_AT_20)) == math.inf
