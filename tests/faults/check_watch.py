"""Callers of every kind who ask without pause, and what they were told."""

import itertools
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import grpc

from extauth.serving.transport import CHECK_METHOD, CHECK_SERVICE
from tests.support.check_messages import Answer, check_request

DEADLINE = 2.0  # seconds: more than a sidecar may take, less than a person would wait
_PAUSE = 0.005  # seconds
_ENVOYS_DEADLINE = 5.0  # seconds: Envoy's own is shorter
UNANSWERED = "unanswered"


@dataclass
class Told:
    """What one kind of caller was told."""

    outcomes: Counter[str] = field(default_factory=Counter)
    """Statuses as a client of Envoy sees them, or UNANSWERED."""
    seconds: list[float] = field(default_factory=list)

    def note(self, outcome: str, seconds: float) -> None:
        self.outcomes[outcome] += 1
        self.seconds.append(seconds)


Verdicts = Mapping[str, Told]
"""By kind of caller."""
Callers = Mapping[str, tuple[str, Sequence[str]]]
"""Each kind has a path, and keys, which take turns."""


class Watch(ABC):
    """A context: callers ask as long as it lasts."""

    def __init__(self, callers: Callers) -> None:
        self.told = {kind: Told() for kind in callers}
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

    @abstractmethod
    def ask(self, path: str, key: str) -> str:
        """Once."""

    def _run(self, kind: str, path: str, keys: Iterator[str]) -> None:
        while not self._done.wait(_PAUSE):
            started = time.monotonic()
            self.told[kind].note(self.ask(path, next(keys)), time.monotonic() - started)


class CheckWatch(Watch):
    """They ask a sidecar, as Envoy does."""

    def __init__(self, target: str, callers: Callers) -> None:
        super().__init__(callers)
        self._channel = grpc.insecure_channel(target)
        self._check = self._channel.unary_unary(
            f"/{CHECK_SERVICE}/{CHECK_METHOD}", request_serializer=None, response_deserializer=None
        )

    def __exit__(self, *_: object) -> None:
        super().__exit__(*_)
        self._channel.close()

    def ask(self, path: str, key: str) -> str:
        try:
            answer = self._check(check_request({"x-api-key": key}, path=path), timeout=DEADLINE)
        except grpc.RpcError:
            return UNANSWERED
        return str(Answer.parse(answer).http_status)


class EnvoyWatch(Watch):
    """They ask Envoy, as clients do."""

    def __init__(self, url: str, callers: Callers) -> None:
        super().__init__(callers)
        self._url = url

    def ask(self, path: str, key: str) -> str:
        request = Request(self._url + path, headers={"x-api-key": key})
        try:
            with urlopen(request, timeout=_ENVOYS_DEADLINE) as response:
                return str(response.status)
        except HTTPError as refused:
            with refused:
                return str(refused.code)
        except OSError:
            return UNANSWERED
