"""Callers of every kind who ask a sidecar without pause, and what they were told."""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import grpc

from extauth.serving.transport import CHECK_METHOD, CHECK_SERVICE
from tests.support.check_messages import Answer, check_request

_DEADLINE = 2.0  # seconds: more than a sidecar may take, less than a person would wait
_PAUSE = 0.005  # seconds
UNANSWERED = "unanswered"


@dataclass
class Told:
    """What one kind of caller was told."""

    outcomes: Counter[str] = field(default_factory=Counter)
    """Statuses as a client of Envoy sees them, or UNANSWERED."""
    seconds: list[float] = field(default_factory=list)


class CheckWatch:
    """A context: callers ask as long as it lasts. Each kind has keys, which take turns, and a path."""

    def __init__(self, target: str, callers: Mapping[str, tuple[str, Sequence[str]]]) -> None:
        self.told = {kind: Told() for kind in callers}
        self._channel = grpc.insecure_channel(target)
        self._check = self._channel.unary_unary(
            f"/{CHECK_SERVICE}/{CHECK_METHOD}", request_serializer=None, response_deserializer=None
        )
        self._done = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(kind, path, itertools.cycle(keys)))
            for kind, (path, keys) in callers.items()
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()
        self._channel.close()

    def statuses(self, kind: str) -> set[str]:
        return set(self.told[kind].outcomes)

    def ask(self, path: str, key: str) -> str:
        """Once."""
        try:
            answer = self._check(check_request({"x-api-key": key}, path=path), timeout=_DEADLINE)
        except grpc.RpcError:
            return UNANSWERED
        return str(Answer.parse(answer).http_status)

    def _run(self, kind: str, path: str, keys: Iterator[str]) -> None:
        told = self.told[kind]
        while not self._done.wait(_PAUSE):
            started = time.monotonic()
            told.outcomes[self.ask(path, next(keys))] += 1
            told.seconds.append(time.monotonic() - started)
