"""Checks leave nothing that only the garbage collector could free: its pauses would be theirs."""

import gc
import weakref
from collections.abc import Callable, Iterator

import pytest

from extauth.keys.token import generate
from tests.support.decider import API, Bench, BenchMaker, published

ROUNDS = 200
"""A cycle is two objects at least, so one for each check would show; an error of a slow Redis leaves some, too."""


@pytest.fixture
def unreachable() -> Iterator[Callable[[], int]]:
    """How many objects of a class of ours, or functions, were left in cycles since the test began."""
    gc.collect()
    gc.disable()
    try:
        yield gc.collect
    finally:
        gc.enable()


def test_a_check_from_memory(bench: Bench, unreachable: Callable[[], int]) -> None:
    key, _ = published(bench)
    bench.get(key)
    unreachable()
    for _ in range(ROUNDS):
        assert bench.get(key).code == 0
    assert unreachable() < ROUNDS


def test_a_check_that_asks_redis_for_the_key(bench: Bench, unreachable: Callable[[], int]) -> None:
    published(bench)
    bench.get(str(generate("ea")))
    unreachable()
    for _ in range(ROUNDS):
        assert bench.get(str(generate("ea"))).code != 0
    assert unreachable() < ROUNDS


def test_a_check_that_asks_redis_for_a_token(bench_of: BenchMaker, unreachable: Callable[[], int]) -> None:
    limited = bench_of({**API, "limits": [{"name": "all", "by": "key", "rate": "1000000/s"}]})
    key, _ = published(limited)
    limited.get(key)
    unreachable()
    for _ in range(ROUNDS):
        assert limited.get(key).code == 0
    assert unreachable() < ROUNDS


def test_a_policy_that_is_replaced_is_freed_at_once(bench_of: BenchMaker, unreachable: Callable[[], int]) -> None:
    bench = bench_of({**API, "limits": [{"name": "all", "by": "key", "rate": "1000000/s"}]})
    key, _ = published(bench)
    assert bench.get(key).code == 0
    unreachable()
    replaced = weakref.ref(bench.decider)
    del bench.decider
    assert replaced() is None
