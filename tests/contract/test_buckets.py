"""Token buckets on real Redis. That the scripts do what the Python model does is in test_bucket_scripts.py."""

import time
from collections.abc import Sequence
from queue import Queue

from extauth.store.bucket import Level, Shape
from extauth.store.draw import Bucket
from extauth.store.errors import StoreUnavailableError
from extauth.store.names import Names
from extauth.store.queue import Queue as NeedQueue
from extauth.store.shared_buckets import Spend
from tests.support.redis_server import RedisServer

SLOW = Shape.of(1, 3600, 3)


def take(queue: NeedQueue, wanted: Sequence[Bucket]) -> list[Level]:
    answers: Queue[list[Level] | StoreUnavailableError] = Queue()
    queue.submit(Spend(wanted, time.monotonic() + 5, answers.put))
    answer = answers.get(timeout=10)
    assert not isinstance(answer, StoreUnavailableError), answer
    return answer


def test_a_bucket_gives_its_burst_and_then_says_how_long_to_wait(queue: NeedQueue) -> None:
    bucket = Bucket("b:{a}:1", SLOW)
    assert [take(queue, [bucket])[0].remaining for _ in range(3)] == [2, 1, 0]
    (refused,) = take(queue, [bucket])
    assert not refused.enough
    assert 3590 < refused.wait(1) <= 3600
    assert 3 * 3590 < refused.full_in <= 3 * 3600


def test_all_buckets_of_a_request_give_a_token_or_none_does(queue: NeedQueue) -> None:
    small, large = Bucket("b:{a}:small", Shape.of(1, 3600, 1)), Bucket("b:{a}:large", Shape.of(1, 3600, 10))
    assert [level.remaining for level in take(queue, [small, large])] == [0, 9]
    refused = take(queue, [small, large])
    assert [level.enough for level in refused] == [False, True]
    assert [level.remaining for level in refused] == [0, 9]
    assert [level.remaining for level in take(queue, [large])] == [8]


def test_tokens_come_back_with_time(queue: NeedQueue) -> None:
    bucket = Bucket("b:{a}:quick", Shape.of(20, 1, 2))
    assert take(queue, [bucket])[0].enough
    assert take(queue, [bucket])[0].enough
    time.sleep(0.12)
    assert take(queue, [bucket])[0].enough


def test_a_full_bucket_leaves_nothing_behind(queue: NeedQueue, redis_server: RedisServer) -> None:
    with redis_server.client() as client:
        client.ping()  # a hundred milliseconds are not long
        take(queue, [Bucket("b:{a}:idle", Shape.of(10, 1, 5))])
        assert 0 < client.pttl("b:{a}:idle") <= 100
        time.sleep(0.12)
        assert client.exists("b:{a}:idle") == 0


def test_the_script_is_taught_to_a_redis_that_forgot_it(queue: NeedQueue, redis_server: RedisServer) -> None:
    bucket = Bucket("b:{a}:1", SLOW)
    take(queue, [bucket])
    with redis_server.client() as client:
        client.script_flush()
    assert take(queue, [bucket])[0].remaining == 1


def test_a_burst_made_smaller_leaves_no_debt_above_it(queue: NeedQueue) -> None:
    for _ in range(10):
        take(queue, [Bucket("b:{a}:1", Shape.of(1, 3600, 10))])
    (refused,) = take(queue, [Bucket("b:{a}:1", Shape.of(1, 3600, 2))])
    assert refused.wait(1) <= 3600


def test_a_clock_that_was_set_back_does_not_stop_a_bucket(queue: NeedQueue, redis_server: RedisServer) -> None:
    shape = Shape.of(10, 1, 1)
    with redis_server.client() as client:
        ahead = int(time.time() * 1e6) + 3_600_000_000
        client.set("b:{a}:1", f"{shape.period} {ahead} {shape.period} {ahead}", px=60_000)
    assert not take(queue, [Bucket("b:{a}:1", shape)])[0].enough
    time.sleep(0.15)
    assert take(queue, [Bucket("b:{a}:1", shape)])[0].enough


def test_names_of_one_request_share_a_cluster_slot(names: Names) -> None:
    first, second = names.bucket("acme", "api", "per-key", "k1"), names.bucket("acme", "api", "per-tenant", "tenant")
    assert first != second
    assert "{acme}" in first
    assert "{acme}" in second
