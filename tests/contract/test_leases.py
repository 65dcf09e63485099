"""Leases over real Redis. What they do over time is in tests/unit/test_leases.py, in simulated time."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from queue import Queue
from typing import Any

import pytest
from redis.client import Pipeline

from extauth.store.bucket import Shape
from extauth.store.buckets import Answer, TokenBuckets
from extauth.store.draw import Bucket, Draw
from extauth.store.errors import StoreUnavailableError
from extauth.store.lease import SHARE
from extauth.store.names import Names
from extauth.store.queue import Need, Submit
from extauth.store.queue import Queue as NeedQueue
from extauth.store.replicas import Replicas
from extauth.store.slots import SlotOf
from extauth.store.upkeep import Upkeep
from extauth.telemetry.sidecar_metrics import SidecarMetrics
from tests.support.redis_server import RedisServer
from tests.support.wait import wait_until

SLOW = Shape.of(1, 3600, 1000)


class Driver:
    """One replica over real Redis; its own clock stands still until it is moved."""

    def __init__(self, queue: NeedQueue, metrics: SidecarMetrics, replicas: Callable[[], int] = lambda: 1) -> None:
        self._queue = queue
        self.now = time.monotonic() + 10_000  # ahead of the queue's clock, so that nothing comes too late there
        self.buckets = TokenBuckets(queue.submit, metrics, replicas, lambda: self.now)
        self.leases = self.buckets.leases
        self.sources: list[str] = []

    def check(self, draw: Draw, seconds: float = 0.001) -> bool:
        """One check, and then this time passes."""
        answer = self._answer(draw)
        self.settle()
        self.now += seconds
        self.sources.extend(answer.sources)
        return all(level.enough for level in answer.levels)

    def _answer(self, draw: Draw) -> Answer:
        taken = self.buckets.take(draw, self.now)
        if taken is not None:
            return Answer(draw.buckets, [granted.lease.level() for granted in taken], ["lease"] * len(taken))
        refused = self.buckets.refused(draw, self.now)
        if refused is not None:
            return refused
        answers: Queue[Answer] = Queue()
        self.buckets.ask(draw, self.now + 10, answers.put)
        return answers.get(timeout=10)

    def settle(self) -> None:
        """Until Redis has answered all that it was asked, and what was asked because of that."""
        for _ in range(2):
            answered: Queue[bool] = Queue()
            self._queue.submit(_Ping(self.now + 10, answered))
            answered.get(timeout=10)


class _Ping:
    def __init__(self, deadline: float, answered: "Queue[bool]") -> None:
        self.deadline = deadline
        self._answered = answered

    def ask(self, pipeline: Pipeline) -> int:
        pipeline.ping()
        return 1

    def answer(self, replies: Sequence[Any]) -> None:
        self._answered.put(True)

    def fail(self, error: StoreUnavailableError) -> None:
        self._answered.put(False)

    def split(self, slot_of: SlotOf, submit: Submit) -> dict[int, Need]:
        return {slot_of("b:{a}"): self}  # the slot of all buckets here


@pytest.fixture
def driver(queue: NeedQueue, metrics: SidecarMetrics) -> Driver:
    return Driver(queue, metrics)


def leased(shape: Shape, name: str = "b:{a}:1") -> Draw:
    return Draw([Bucket(name, shape, leased=True)])


def calls(redis_server: RedisServer) -> int:
    """How often a script was called."""
    total = 0
    for node in redis_server.nodes:
        with node.client() as client:
            total += int(client.info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0))
    return total


def debt(redis_server: RedisServer, name: str, shape: Shape) -> int:
    """Tokens that the bucket lacks."""
    with redis_server.client() as client:
        value = client.get(name)
    return round(int(value.split()[0]) / shape.period) if isinstance(value, bytes) else 0


@pytest.mark.parametrize("buckets", [1, 2])
def test_a_thousand_checks_a_second_cost_at_most_twenty_calls(
    driver: Driver, redis_server: RedisServer, buckets: int
) -> None:
    shape = Shape.of(1000, 1, 10_000)
    draw = Draw([Bucket(f"b:{{a}}:{number}", shape, leased=True) for number in range(buckets)])
    before = calls(redis_server)
    assert all(driver.check(draw) for _ in range(1000))
    at_first = calls(redis_server)
    assert at_first - before <= 50  # before there is a lease, and while it grows
    assert all(driver.check(draw) for _ in range(1000))
    assert calls(redis_server) - at_first <= 20


def test_a_caller_over_its_limit_is_refused_with_one_question_a_second(
    driver: Driver, redis_server: RedisServer
) -> None:
    draw = leased(Shape.of(1, 3600, 100))
    assert [driver.check(draw) for _ in range(110)] == [True] * 100 + [False] * 10
    before = calls(redis_server)
    assert not any(driver.check(draw) for _ in range(1000))
    assert calls(redis_server) - before <= 2


def test_nothing_is_kept_when_the_replica_stops(
    driver: Driver, queue: NeedQueue, redis_server: RedisServer, names: Names
) -> None:
    draw = leased(SLOW)
    upkeep = Upkeep(driver.leases, Replicas(queue.submit, names))
    upkeep.start()
    assert all(driver.check(draw) for _ in range(60))
    assert debt(redis_server, "b:{a}:1", SLOW) > 60
    upkeep.stop(timeout=5)
    driver.settle()
    assert debt(redis_server, "b:{a}:1", SLOW) == 60
    with redis_server.client() as client:
        assert client.zcard(names.replicas) == 0


def test_a_redis_that_forgot_the_scripts_is_taught_them(driver: Driver, redis_server: RedisServer) -> None:
    draw = leased(SLOW)
    assert all(driver.check(draw) for _ in range(30))
    with redis_server.client() as client:
        client.script_flush()
    assert all(driver.check(draw) for _ in range(60))
    assert driver.sources[-1] == "lease"


def test_a_redis_that_lost_everything_gets_nothing_that_it_never_gave(
    driver: Driver, redis_server: RedisServer
) -> None:
    """Tokens of a bucket that was lost are worth nothing to the one that took its place."""
    draw = leased(SLOW)
    assert all(driver.check(draw) for _ in range(60))
    with redis_server.client() as client:
        client.flushall()
    stranger = Draw([Bucket("b:{a}:1", SLOW, cost=100)])
    assert driver.check(stranger)
    driver.now += 1  # the time of all tokens is over
    driver.leases.sweep()
    driver.settle()
    assert debt(redis_server, "b:{a}:1", SLOW) == 100


def test_all_or_nothing_with_one_bucket_in_memory_and_one_in_redis(driver: Driver, redis_server: RedisServer) -> None:
    plenty = Bucket("b:{a}:plenty", SLOW, leased=True)
    scarce = Bucket("b:{a}:scarce", Shape.of(1, 3600, 70))
    draw = Draw([plenty, scarce])
    assert [driver.check(draw) for _ in range(90)] == [True] * 70 + [False] * 20
    assert "lease" in driver.sources
    driver.leases.close()
    driver.settle()
    assert debt(redis_server, plenty.name, SLOW) == 70


def test_while_redis_is_away_leases_are_used_up_and_then_the_replicas_share(
    queue: NeedQueue, metrics: SidecarMetrics, redis_server: RedisServer
) -> None:
    driver = Driver(queue, metrics, replicas=lambda: 4)
    draw = leased(SLOW)
    assert all(driver.check(draw) for _ in range(60))
    (lease,) = driver.leases._leases.values()
    left = len(lease.tokens)
    share = (1000 - 60 - left) // 4
    redis_server.kill()
    try:
        driver.sources.clear()
        passed = [driver.check(draw, 0) for _ in range(left + 300)]
    finally:
        redis_server.start()
    assert driver.sources[:left] == ["lease"] * left
    assert set(driver.sources[left:]) == {"local"}
    assert passed == [True] * (left + share) + [False] * (300 - share)
    wait_until(lambda: driver.check(draw) and driver.sources[-1] == "redis")
    driver.settle()
    # What was spent here and is not made up for yet; Redis itself had lost everything.
    assert debt(redis_server, "b:{a}:1", SLOW) == pytest.approx(share + 1, abs=1)
    assert driver.check(draw)
    driver.settle()
    assert debt(redis_server, "b:{a}:1", SLOW) == pytest.approx(share + 2, abs=1)


def test_replicas_count_each_other(queue: NeedQueue, names: Names, redis_server: RedisServer) -> None:
    first, second, third = (Replicas(queue.submit, names) for _ in range(3))
    assert first.count() == 1
    for replica in (first, second, third):
        replica.beat()
    wait_until(lambda: third.count() == 3)
    first.beat()
    wait_until(lambda: first.count() == 3)
    second.leave()
    for _ in range(2):  # for a while the larger number holds
        first.beat()
    with redis_server.client() as client:
        wait_until(lambda: client.zcard(names.replicas) == 2)
        assert first.count() == 3
        (member,) = client.zrange(names.replicas, 0, 0)
        client.zadd(names.replicas, {member: time.time() - 60})  # it has not been heard of for a minute
        for _ in range(3):
            (first if member != first._name.encode() else third).beat()
        wait_until(lambda: client.zcard(names.replicas) == 1)


def test_with_each_beat_redis_tells_its_time(queue: NeedQueue, names: Names) -> None:
    told: list[float] = []
    Replicas(queue.submit, names, told.append).beat()
    before = time.time()
    wait_until(lambda: told)
    assert before - 1 < told[0] < time.time() + 1


@pytest.mark.slow
@pytest.mark.one_redis
@pytest.mark.parametrize(("rate", "burst"), [(400, 800), (60, 400)])
def test_real_processes_together_admit_no_more_than_the_bound(redis_server: RedisServer, rate: int, burst: int) -> None:
    arguments = [redis_server.url, str(rate), str(burst), "3"]
    command = [sys.executable, "-m", "tests.support.leasing_process", *arguments]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    found = [json.loads(process.communicate(timeout=60)[0]) for process in processes]
    seconds = max(one["ended"] for one in found) - min(one["started"] for one in found)
    admitted = sum(one["admitted"] for one in found)
    requests = admitted + sum(one["refused"] for one in found)
    due = burst + rate * seconds
    assert admitted <= due  # no lease is held when it begins, so that even the exact bound must hold
    assert admitted >= 0.9 * min(requests, due) - 4 * burst / SHARE
