"""Timers: whatever the order in which they are asked for, the soonest comes first."""

from hypothesis import given
from hypothesis import strategies as st

from extauth.serving.timers import Timers


@given(st.lists(st.integers(0, 20)))
def test_they_are_due_in_their_order(moments: list[int]) -> None:
    done: list[tuple[int, int]] = []
    timers = Timers()
    for number, moment in enumerate(moments):
        timers.at(moment, lambda moment=moment, number=number: done.append((moment, number)))
    for now in range(21):
        while (act := timers.take_due(now)) is not None:
            act()
        assert all(moment <= now for moment, _ in done)
    assert done == sorted((moment, number) for number, moment in enumerate(moments))
    assert not timers


def test_the_next_one_is_known_and_nothing_is_done_before_its_time() -> None:
    timers = Timers()
    timers.at(2.0, lambda: None)
    timers.at(1.0, lambda: None)
    assert timers.next() == 1.0
    assert timers.take_due(0.9) is None
    assert timers.take_due(1.0) is not None
    assert timers.next() == 2.0
