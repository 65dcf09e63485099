"""Reading records for checks that wait at the same time."""

import time
from collections.abc import Callable
from queue import Queue

import pytest
from prometheus_client import CollectorRegistry

from extauth.keys.record import KeyRecord, Status, Version
from extauth.keys.token import generate
from extauth.settings.redis import RedisSettings
from extauth.store.errors import StoreUnavailableError
from extauth.store.key_reader import Candidate, Found, KeyReader
from extauth.store.names import Names
from extauth.store.near_cache import Freshness, NearCache
from extauth.store.queue import Queue as NeedQueue
from extauth.store.queues import queue_for
from extauth.telemetry.sidecar_metrics import SidecarMetrics
from tests.support.keys import record_of
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


class _ChangesMeanwhile(NearCache):
    """The feed tells of a change after Redis was asked, before its answer is kept; so many times."""

    def __init__(self, times: int, change: Callable[[], KeyRecord]) -> None:
        super().__init__(10, Freshness())
        self._times = times
        self._change = change

    def end_read(self, digest: bytes, generation: int, record: KeyRecord | None, read_at: float) -> bool:
        if self._times:
            self._times -= 1
            self.change(digest, self._change().version)
        return super().end_read(digest, generation, record, read_at)


@pytest.mark.parametrize("is_rolled_back", [False, True])
def test_a_key_that_is_revoked_while_it_is_read_is_read_again(
    queue: NeedQueue, names: Names, store: HandPublisher, is_rolled_back: bool
) -> None:
    store.begin(epoch=1)
    store.complete()
    token = generate("test")
    store.put([record_of(token, 1)])
    revoked = record_of(token, 2, status=Status.REVOKED)

    def revoke() -> KeyRecord:
        if not is_rolled_back:  # else Redis has lost it
            store.put([revoked])
        return revoked

    answers = Queue[Found]()
    reader = KeyReader(queue, _ChangesMeanwhile(1, revoke), names)
    reader.read([Candidate("p1", revoked.digest)], time.monotonic() + 5, answers.put)
    found = answers.get(timeout=10)
    assert found == revoked or (is_rolled_back and isinstance(found, StoreUnavailableError))
