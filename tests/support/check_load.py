"""Checks sent to a sidecar one after another, while a test does something to what is behind it."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Self

import grpc

from extauth.serving.transport import CHECK_METHOD, CHECK_SERVICE
from tests.support.check_messages import Answer, check_request

_PACE = 0.005  # seconds between two checks
_PATIENCE = 30.0  # seconds


class CheckLoad:
    """Sends them while it is entered, each with the next of some keys."""

    def __init__(self, target: str, keys: Sequence[str]) -> None:
        self._channel = grpc.insecure_channel(target)
        self._check = self._channel.unary_unary(f"/{CHECK_SERVICE}/{CHECK_METHOD}")
        self._keys = keys
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.statuses: Counter[int] = Counter()
        self.slowest = 0.0
        """Seconds."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._channel.close()

    def __repr__(self) -> str:
        return f"<{dict(self.statuses)}, the slowest in {self.slowest:.3f} s>"

    def ask(self, key: str) -> int:
        """One check: the status that the client of Envoy would get."""
        return Answer.parse(self._check(check_request({"x-api-key": key}), timeout=_PATIENCE)).http_status

    def _run(self) -> None:
        number = 0
        while not self._done.wait(_PACE):
            started = time.monotonic()
            self.statuses[self.ask(self._keys[number % len(self._keys)])] += 1
            self.slowest = max(self.slowest, time.monotonic() - started)
            number += 1
