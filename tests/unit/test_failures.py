"""Token buckets of failures: how many are taken, how fast they come back, and how many sources are remembered."""

import sys
import threading

import pytest

from extauth.check.failures import Failures


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_burst_then_the_rate(clock: Clock) -> None:
    failures = Failures(rate=2, burst=3, clock=clock)
    assert [failures.add("a") for _ in range(3)] == [0, 0, 0]
    assert failures.add("a") == pytest.approx(0.5)
    clock.now += 0.5
    assert failures.wait("a") == 0
    assert failures.add("a") == 0
    assert failures.wait("a") == pytest.approx(0.5)


def test_what_is_refused_takes_nothing(clock: Clock) -> None:
    """Else somebody who goes on trying would never get in again."""
    failures = Failures(rate=1, burst=1, clock=clock)
    failures.add("a")
    for _ in range(100):
        assert failures.add("a") == pytest.approx(1)
    clock.now += 1
    assert failures.add("a") == 0


def test_a_full_bucket_is_no_fuller_than_its_burst(clock: Clock) -> None:
    failures = Failures(rate=1, burst=2, clock=clock)
    failures.add("a")
    clock.now += 1_000_000
    assert [failures.add("a") > 0 for _ in range(3)] == [False, False, True]


def test_sources_do_not_share(clock: Clock) -> None:
    failures = Failures(rate=1, burst=1, clock=clock)
    failures.add("a")
    assert failures.wait("a") > 0
    assert failures.wait("b") == 0


def test_memory_is_bounded_under_a_million_sources(clock: Clock) -> None:
    failures = Failures(rate=1, burst=1, clock=clock, most_sources=1000)
    for number in range(1_000_000):
        failures.add(f"2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::/64")
    assert len(failures) == 1000
    assert sys.getsizeof(failures._full_at) < 200_000


def test_the_one_that_failed_last_is_forgotten_last(clock: Clock) -> None:
    failures = Failures(rate=1, burst=5, clock=clock, most_sources=3)
    for source in ("a", "b", "c", "a", "d"):
        failures.add(source)
    assert sorted(failures._full_at) == ["a", "c", "d"]


def test_many_threads_take_no_more_than_there_is(clock: Clock) -> None:
    failures = Failures(rate=1, burst=500, clock=clock)
    taken: list[float] = []
    threads = [threading.Thread(target=lambda: taken.extend(failures.add("a") for _ in range(200))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken.count(0.0) == 500
