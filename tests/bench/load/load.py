"""Asking in a closed loop, or at a rate."""

import ctypes
import gc
import math
import random
import select
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from types import TracebackType
from typing import Self

from tests.bench.load.connection import Connection
from tests.bench.load.requests import Requests
from tests.bench.load.result import Result

_PATIENCE = 2.0  # seconds for the last answers, after which they do not come
_LONGEST_SLEEP = 0.1  # seconds
_PR_SET_TIMERSLACK = 29  # linux/prctl.h
_SLACK = 1_000  # nanoseconds; by default the kernel wakes a sleeper up to 50 microseconds late


class Load:
    """Some connections to one server, kept over several runs. A context: they are closed at its end."""

    def __init__(self, requests: Requests, connections: int = 2, streams: int = 100) -> None:
        wires: Iterator[Sequence[bytes]] = cycle(requests.wires)
        self._connections = [Connection(requests, wires, streams) for _ in range(connections)]
        self._turn = cycle(self._connections)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        for connection in self._connections:
            connection.close()

    def closed_loop(self, in_flight: int, seconds: float, most: float = math.inf) -> Result:
        """Each connection has `in_flight` requests under way at all times: as much as the server can do.

        It ends after `seconds`, or when `most` requests have been asked.
        """
        with self._measured() as began:
            end = began + seconds
            while (now := time.perf_counter()) < end and most > 0 and any(one.open for one in self._connections):
                for connection in self._connections:
                    while most > 0 and connection.has_room and len(connection.waiting) < in_flight:
                        connection.ask(now)
                        most -= 1
                self._exchange(end - now)
        return self._collect(began)

    def open_loop(self, rate: float, seconds: float, seed: int = 1) -> Result:
        """Requests arrive by chance, `rate` a second, whether or not those before them were answered.

        Each one's latency counts from the moment at which it should have been sent, so a server that stalls is not
        spared the requests that it kept from being sent.
        """
        between = random.Random(seed).expovariate
        backlog: deque[float] = deque()
        with self._measured() as began:
            arrival, end = began + between(rate), began + seconds
            while (now := time.perf_counter()) < end and any(one.open for one in self._connections):
                while arrival <= now:
                    backlog.append(arrival)
                    arrival += between(rate)
                while backlog and (connection := self._with_room()) is not None:
                    connection.ask(backlog.popleft())
                self._exchange(min(arrival, end) - time.perf_counter())
        result = self._collect(began)
        result.errors["never sent"] += len(backlog)
        return result

    def _with_room(self) -> Connection | None:
        for _ in self._connections:
            connection = next(self._turn)
            if connection.has_room:
                return connection
        return None

    def _exchange(self, seconds: float) -> None:
        """Send what waits to be sent, then receive; come back after `seconds` at the latest."""
        alive = [one for one in self._connections if one.open or one.waiting]
        for connection in alive:
            if connection.has_output:
                connection.flush()
        writing = [one for one in alive if one.has_output]
        reading = [one for one in alive if one.fileno() >= 0]
        ready, _, _ = select.select(reading, writing, [], min(max(seconds, 0), _LONGEST_SLEEP))
        now = time.perf_counter()
        for connection in ready:
            connection.receive(now)

    @contextmanager
    def _measured(self) -> Iterator[float]:
        """From the first request to the last answer, without pauses of our own making."""
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, _SLACK, 0, 0, 0)
        gc.collect()
        gc.disable()
        try:
            yield time.perf_counter()
            patience = time.perf_counter() + _PATIENCE
            while any(one.waiting for one in self._connections) and time.perf_counter() < patience:
                self._exchange(_LONGEST_SLEEP)
        finally:
            gc.enable()

    def _collect(self, began: float) -> Result:
        """The results of all connections since the last time; those still under way count as errors."""
        total = Result(seconds=time.perf_counter() - began)
        for connection in self._connections:
            total.latencies += connection.result.latencies
            total.errors += connection.result.errors
            total.errors["not answered"] += len(connection.waiting)
            connection.waiting.clear()
            connection.result = Result()
        return total
