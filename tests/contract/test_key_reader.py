"""Reading records for checks that wait at the same time."""

import time
from queue import Queue

import pytest
from prometheus_client import CollectorRegistry

from extauth.keys.record import KeyRecord, Status, Version
from extauth.settings.redis import RedisSettings
from extauth.store.key_reader import Candidate, Found, KeyReader
from extauth.store.names import Names
from extauth.store.near_cache import NearCache
from extauth.store.queue import Queue as NeedQueue
from extauth.store.queues import queue_for
from extauth.telemetry.sidecar_metrics import SidecarMetrics
from tests.support.publishing import HandPublisher


@pytest.fixture
def waiting(redis_settings: RedisSettings) -> NeedQueue:
    """Not started: what is asked of it waits."""
    return queue_for(redis_settings, SidecarMetrics(CollectorRegistry()))


def test_questions_that_share_a_part_are_answered_each_by_itself(
    waiting: NeedQueue, cache: NearCache, names: Names, store: HandPublisher
) -> None:
    subject, good, revoked = (Candidate("p1", text * 32) for text in (b"s", b"g", b"r"))
    store.begin(epoch=1)
    store.complete()
    store.put([KeyRecord("tr_1", revoked.digest, "p1", Version(1, 1), Status.REVOKED, "")])
    reader = KeyReader(waiting, cache, names)
    answers: dict[str, Queue[Found]] = {"good": Queue(), "revoked": Queue(), "again": Queue()}
    reader.read([subject, good], time.monotonic() + 5, answers["good"].put)
    reader.read([subject, revoked], time.monotonic() + 5, answers["revoked"].put)
    reader.read([subject, good], time.monotonic() + 5, answers["again"].put)
    waiting.start()
    found = {name: queue.get(timeout=10) for name, queue in answers.items()}
    waiting.stop(timeout=5)
    assert found["good"] is found["again"] is None
    assert isinstance(found["revoked"], KeyRecord)
    assert all(queue.empty() for queue in answers.values())


def test_a_check_that_fails_on_its_record_leaves_the_others_and_the_thread(
    queue: NeedQueue, cache: NearCache, names: Names, store: HandPublisher
) -> None:
    store.begin(epoch=1)
    store.complete()
    reader, answers = KeyReader(queue, cache, names), Queue[Found]()
    first, second = (Candidate("p1", text * 32) for text in (b"a", b"b"))

    def fail(_found: Found) -> None:
        raise LookupError("a fault of ours")

    reader.read([first], time.monotonic() + 5, fail)
    reader.read([first], time.monotonic() + 5, answers.put)
    assert answers.get(timeout=10) is None
    reader.read([second], time.monotonic() + 5, answers.put)
    assert answers.get(timeout=10) is None
