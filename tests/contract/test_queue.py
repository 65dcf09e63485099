"""The Redis thread: batches, deadlines, and what happens when Redis is away."""

import signal
import threading
import time
from collections.abc import Sequence
from queue import Queue
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from redis.client import Pipeline

from extauth.settings.redis import RedisSettings
from extauth.store.errors import StoreUnavailableError
from extauth.store.queue import Need, RedisQueue, Submit
from extauth.store.queue import Queue as NeedQueue
from extauth.store.queues import queue_for
from extauth.store.slots import SlotOf
from extauth.telemetry.sidecar_metrics import SidecarMetrics
from tests.support.redis_server import RedisServer
from tests.support.wait import wait_until


class Echo:
    """Asks Redis to say something back."""

    def __init__(self, text: str, answers: "Queue[Any]", seconds: float = 5) -> None:
        self.deadline = time.monotonic() + seconds
        self._text = text
        self._answers = answers

    def ask(self, pipeline: Pipeline) -> int:
        pipeline.echo(self._text)
        return 1

    def answer(self, replies: Sequence[Any]) -> None:
        self._answers.put(replies[0])

    def fail(self, error: StoreUnavailableError) -> None:
        self._answers.put(error.kind)

    def split(self, slot_of: SlotOf, submit: Submit) -> dict[int, Need]:
        return {slot_of("the same for all"): self}


def test_each_need_gets_its_own_reply(queue: NeedQueue) -> None:
    answers: Queue[Any] = Queue()
    texts = [f"text {number}" for number in range(1000)]
    for text in texts:
        queue.submit(Echo(text, answers))
    assert [answers.get(timeout=10) for _ in texts] == [text.encode() for text in texts]


def test_a_need_whose_time_is_up_is_not_sent(queue: NeedQueue) -> None:
    answers: Queue[Any] = Queue()
    queue.submit(Echo("late", answers, seconds=0))
    assert answers.get(timeout=10) == "deadline"


@pytest.mark.one_redis
def test_a_need_whose_time_will_be_up_before_the_answer_is_not_sent(redis_settings: RedisSettings) -> None:
    registry = CollectorRegistry()
    queue = queue_for(redis_settings, SidecarMetrics(registry))
    assert isinstance(queue, RedisQueue)
    queue._expected = 3.0
    answers: Queue[Any] = Queue()
    for seconds in (2, 60):
        queue.submit(Echo(f"{seconds}", answers, seconds))
    assert queue.waiting == 2
    queue.start()
    assert [answers.get(timeout=10) for _ in range(2)] == ["deadline", b"60"]
    queue.submit(Echo("soon", answers, seconds=2))
    assert answers.get(timeout=10) == b"soon", "one slow exchange is forgotten with the next"
    queue.stop(timeout=5)
    assert registry.get_sample_value("extauth_redis_wait_seconds_count") == 2
    assert queue.waiting == 0


def test_one_bad_reply_does_not_touch_its_neighbours(queue: NeedQueue) -> None:
    class Wrong(Echo):
        def ask(self, pipeline: Pipeline) -> int:
            pipeline.execute_command("NO-SUCH-COMMAND")
            return 1

    answers: Queue[Any] = Queue()
    for need in (Echo("a", answers), Wrong("b", answers), Echo("c", answers)):
        queue.submit(need)
    assert [answers.get(timeout=10) for _ in range(3)] == [b"a", "reply", b"c"]


def test_a_fault_in_one_check_does_not_end_the_thread(queue: NeedQueue) -> None:
    class Faulty(Echo):
        def answer(self, replies: Sequence[Any]) -> None:
            raise RuntimeError("a fault of ours")

    answers: Queue[Any] = Queue()
    queue.submit(Faulty("a", answers))
    queue.submit(Echo("b", answers))
    assert [answers.get(timeout=10) for _ in range(2)] == ["reply", b"b"]


def test_a_dead_redis_fails_needs_at_once_and_is_used_again_when_it_is_back(
    queue: NeedQueue, redis_server: RedisServer
) -> None:
    answers: Queue[Any] = Queue()
    queue.submit(Echo("warm", answers))
    assert answers.get(timeout=10) == b"warm"
    redis_server.kill()
    queue.submit(Echo("a", answers))
    assert answers.get(timeout=10) == "connection"
    started = time.monotonic()
    for _ in range(100):
        queue.submit(Echo("b", answers))
    assert {answers.get(timeout=10) for _ in range(100)} <= {"circuit", "connection"}
    assert time.monotonic() - started < 5
    redis_server.start()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        queue.submit(Echo("c", answers))
        if answers.get(timeout=10) == b"c":
            return
        time.sleep(0.05)
    raise AssertionError("the queue did not come back")


def test_a_stopped_redis_costs_one_timeout_and_no_more(
    redis_server: RedisServer, redis_settings: RedisSettings
) -> None:
    settings = redis_settings.model_copy(update={"timeout": 0.1})
    queue = queue_for(settings, SidecarMetrics(CollectorRegistry()))
    queue.start()
    answers: Queue[Any] = Queue()
    queue.submit(Echo("warm", answers))
    assert answers.get(timeout=10) == b"warm"
    redis_server.signal(signal.SIGSTOP)
    try:
        queue.submit(Echo("a", answers))
        assert answers.get(timeout=10) == "timeout"
        queue.submit(Echo("b", answers))
        assert answers.get(timeout=10) == "circuit"
    finally:
        redis_server.signal(signal.SIGCONT)
    queue.stop(timeout=5)


def test_while_redis_is_stopped_no_need_waits_to_find_that_out(
    redis_server: RedisServer, redis_settings: RedisSettings
) -> None:
    settings = redis_settings.model_copy(update={"timeout": 0.1})
    queue = queue_for(settings, SidecarMetrics(CollectorRegistry()))
    queue.start()
    answers: Queue[Any] = Queue()
    queue.submit(Echo("warm", answers))
    assert answers.get(timeout=10) == b"warm"
    redis_server.signal(signal.SIGSTOP)
    try:
        queue.doubt()  # something else has noticed
        wait_until(lambda: queue.redis_is_away)
        until = time.monotonic() + 1  # a probe every 0.35 seconds
        found = set()
        while time.monotonic() < until:
            queue.submit(Echo("x", answers))
            found.add(answers.get(timeout=10))
        assert found == {"circuit"}
    finally:
        redis_server.signal(signal.SIGCONT)
    wait_until(lambda: not queue.redis_is_away)
    queue.submit(Echo("back", answers))
    assert answers.get(timeout=10) == b"back"
    queue.stop(timeout=5)


def test_a_doubt_that_is_unfounded_changes_nothing(queue: NeedQueue) -> None:
    answers: Queue[Any] = Queue()
    for _ in range(100):
        queue.doubt()
        queue.submit(Echo("x", answers))
        assert answers.get(timeout=10) == b"x"


def test_stopping_answers_what_waits(redis_settings: RedisSettings) -> None:
    queue = queue_for(redis_settings, SidecarMetrics(CollectorRegistry()))
    answers: Queue[Any] = Queue()
    for _ in range(10):
        queue.submit(Echo("x", answers))
    queue.start()
    queue.stop(timeout=10)
    assert answers.qsize() == 10
    assert not any(thread.name == "redis-queue" and thread.is_alive() for thread in threading.enumerate())
