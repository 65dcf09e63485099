"""One lease: its tokens are each spent once, whatever threads do, and its size follows the spending."""

import sys
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from extauth.store.bucket import Level, Shape
from extauth.store.draw import Bucket, Draw
from extauth.store.lease import LEAST, MOST, SHARE, Granted, Lease, put_back
from tests.support.simulation import Replica, Simulation, leased, traffic

BUCKET = Bucket("b", Shape.of(10_000, 1, 100_000), leased=True)


@pytest.fixture
def _restless_threads() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def lease_with(tokens: int, expires: float = 10) -> Lease:
    lease = Lease(BUCKET, 0, 0)
    lease.bring(Granted(lease, expires, 0), tokens)
    return lease


@pytest.mark.usefixtures("_restless_threads")
def test_a_token_is_spent_once_whatever_threads_do() -> None:
    """Eight threads spend and put back, while another takes out what has expired."""
    lease = lease_with(40_000)
    lease.bring(Granted(lease, 1, 1), 10_000)  # behind them, with less time
    spent: Counter[int] = Counter()
    done = threading.Event()

    def run() -> None:
        count = 0
        while (granted := lease.take(5)) is not None:
            if count % 7 == 0:
                put_back([granted])
            else:
                spent[threading.get_ident()] += 1
            count += 1

    removed: Counter[Granted] = Counter()

    def sweep() -> None:
        while not done.is_set():
            removed.update(lease.expired(5))

    threads = [threading.Thread(target=run) for _ in range(8)]
    sweeper = threading.Thread(target=sweep)
    for thread in (*threads, sweeper):
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    sweeper.join()
    removed.update(lease.everything())
    assert (spent.total(), removed.total()) == (40_000, 10_000)


def test_tokens_go_in_the_order_in_which_they_came_and_expire() -> None:
    lease = lease_with(2, expires=1)
    lease.bring(Granted(lease, 2, 7), 2)
    first = lease.take(0)
    assert first is not None
    put_back([first])
    assert lease.expired(0).total() == 0
    later = lease.take(1.5)
    assert later is not None
    assert later.taken == 7
    assert lease.expired(1.5).total() == 2
    assert lease.take(2) is None
    assert lease.everything().total() == 1


def test_a_lease_grows_with_the_spending_and_shrinks_with_it() -> None:
    lease = Lease(BUCKET, 100, 0)
    sizes = []
    now = 0.0
    for rate in (100, 5000, 5000, 5000, 5000, 0, 0, 0, 0, 0, 0):
        wanted = lease.wanted(now)
        sizes.append(wanted)
        lease.bring(Granted(lease, now + 10, 0), wanted)
        now += 0.1
        lease.spent_elsewhere(max(int(rate * 0.1) - len(lease.tokens), 0))
        for _ in range(int(rate * 0.1)):
            lease.take(now)
    assert sizes[0] == 15
    assert 500 <= max(sizes) <= 750
    assert sizes[-1] == 0


def test_a_lease_has_a_largest_size() -> None:
    assert Lease(Bucket("b", Shape.of(1, 1, 80)), 1000, 0).wanted(0) == 80 // SHARE
    assert Lease(Bucket("b", Shape.of(1, 1, 8 * LEAST - 1)), 1000, 0).wanted(0) == 0
    assert Lease(Bucket("b", Shape.of(1000, 1, 10**9)), 10**6, 0).wanted(0) == MOST


def with_left(lease: Lease, tokens: int) -> Lease:
    """Redis has said that so many are in the bucket."""
    shape = lease.bucket.shape
    lease.know(Level(shape, True, (shape.burst - tokens) * shape.period), wall=0)
    return lease


def test_a_lease_is_a_share_of_what_is_left_for_all_replicas() -> None:
    lease = Lease(BUCKET, 1000, 0)
    wanted = {}
    for replicas in (1, 2, 4, 8, 1000):
        lease.become(BUCKET, replicas)
        wanted[replicas] = [with_left(lease, left).wanted(0) for left in (100_000, 320, 160)]
    assert wanted == {
        1: [150, 150, 150],  # nobody else is there
        2: [150, 80, 40],
        4: [150, 40, 20],
        8: [150, 20, 10],
        1000: [150, 20, 10],
    }
    assert with_left(lease, 16 * LEAST - 1).wanted(0) == 0  # requests ask Redis one by one
    assert not lease.is_over(0)


def test_a_lease_takes_what_there_is_from_an_empty_bucket_until_there_is_enough_again() -> None:
    lease = Lease(BUCKET, 1000, 0)
    lease.become(BUCKET, 4)
    lease.is_dry = True
    assert (with_left(lease, 160).wanted(0), lease.share) == (150, 1)
    assert (with_left(lease, 150 * 8).wanted(0), lease.share) == (150, 8)
    assert with_left(lease, 160).wanted(0) == 20


def test_a_bucket_that_stays_nearly_empty_is_not_asked_for_every_single_token() -> None:
    lease = Lease(BUCKET, 1000, 0)
    lease.become(BUCKET, 4)
    with_left(lease, 10)
    lease.spent_elsewhere(64)
    assert (lease.wanted(0), lease.share) == (0, 8)
    lease.spent_elsewhere(1)
    assert (lease.wanted(0), lease.share) == (150, 1)


def test_no_more_is_told_to_be_left_than_there_is() -> None:
    lease = lease_with(10)
    lease.know(Level(BUCKET.shape, True, 40 * BUCKET.shape.period), wall=1000.2)
    assert (lease.remaining, lease.reset_at) == (100_000 - 40 + 10, 1001)
    lease.take(0)
    assert lease.level().remaining == 100_000 - 40 + 9
    lease.know(Level(BUCKET.shape, True, 0), wall=1000)
    assert lease.remaining == 100_000


def test_leases_are_bounded_in_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("extauth.store.leases._MOST", 2)
    simulation = Simulation()
    replica = Replica(simulation)
    draws: list[Draw] = [leased(Shape.of(1000, 1, 1000), f"b:{{t}}:{number}") for number in range(4)]
    for draw in draws:
        traffic(simulation, replica, draw, 500, 0, 1)
    simulation.run(0.9)
    assert len(replica.leases) == 2
    simulation.run(3)
    assert len(replica.admitted) == 2000
    assert len(replica.leases) == 0
