"""The transport that is not the default behind a real Envoy: the same answers, with and without Redis, a clean end."""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.e2e import http1, http2
from tests.e2e.eventually import eventually
from tests.e2e.running import Running, running_stack
from tests.e2e.scenario import PER_KEY, PER_KEY_BURST, PLAIN


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    listen = {"transport": "stock"}
    with running_stack(tmp_path_factory.mktemp("stock"), listen=listen) as running:
        assert running.metrics()("extauth_transport", transport="stock") == 1
        yield running


def test_keys_pass_and_others_do_not(stock: Running) -> None:
    key = stock.issue()
    for send in (http1.send, http2.send):
        assert send(stock.url, PLAIN, [key.header]).status == 200
        assert send(stock.url, PLAIN).reason == "missing_key"
        assert send(stock.url, PLAIN, [key.header, key.header]).reason == "ambiguous_key"


def test_checks_that_wait_for_redis_are_answered(stock: Running) -> None:
    key = stock.issue()
    statuses = [http1.send(stock.url, PER_KEY, [key.header]).status for _ in range(PER_KEY_BURST + 1)]
    assert statuses == [200] * PER_KEY_BURST + [429]


def test_a_redis_that_hangs_stalls_nobody_else(stock: Running) -> None:
    known, unseen = stock.issue(), stock.issue()
    assert http1.send(stock.url, PLAIN, [known.header]).status == 200
    redis = stock.supervisor["redis"].process_id
    os.kill(redis, signal.SIGSTOP)
    try:
        assert http1.send(stock.url, PLAIN, [unseen.header]).reason == "unavailable"
        assert http1.send(stock.url, PLAIN, [known.header]).status == 200
    finally:
        os.kill(redis, signal.SIGCONT)
    eventually(lambda: http1.send(stock.url, PLAIN, [unseen.header]).status == 200, 5)


def test_it_ends_well(stock: Running) -> None:
    sidecar = stock.supervisor["sidecar"]
    os.kill(sidecar.process_id, signal.SIGTERM)
    eventually(lambda: sidecar.ending is not None, 10)
    assert sidecar.ending == "exit status 0"
