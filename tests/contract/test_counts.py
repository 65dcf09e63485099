"""Whatever threads decide at once, each check is counted once, and with it all that it did."""

import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from extauth.store.usage_batch import ALLOWED
from tests.support.check_messages import check_request
from tests.support.decider import Bench, published

THREADS, CHECKS = 6, 500


@pytest.fixture
def _restless_threads() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_restless_threads")
def test_checks_of_several_threads_are_all_counted(bench: Bench) -> None:
    key, record = published(bench)
    message = check_request({"x-api-key": key})
    assert bench.ask(message).code == 0  # which asked Redis for the key
    bench.time.stop()  # so that the key need not be read again, however long the threads take

    def work() -> None:
        for _ in range(CHECKS):
            assert isinstance(bench.decider.decide(message, time.monotonic() + 60), bytes)

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    from_memory = THREADS * CHECKS
    assert bench.count("extauth_checks_total", api="demo", reason="ok") == from_memory + 1
    assert bench.count("extauth_check_seconds_count", source="memory") == from_memory
    assert bench.count("extauth_check_seconds_count", source="redis") == 1
    assert bench.count("extauth_near_cache_lookups_total", result="hit") == from_memory
    assert Counter(bench.usage) == {(record.key_id, record.tenant, "demo", ALLOWED): from_memory + 1}
