"""Clients of the sidecars that ask about keys all the time, and write down what they were told and when."""

import json
import random
import threading
import time
from collections.abc import Callable, Sequence

import grpc

from extauth.serving.transport import CHECK_METHOD, CHECK_SERVICE
from tests.linearizability.checker import UNANSWERED, UNAVAILABLE, Asked
from tests.linearizability.churn import READ
from tests.linearizability.key_pool import KeyPool
from tests.linearizability.key_state import OK
from tests.linearizability.scene import PLAIN, SCOPED, Sidecar
from tests.support.check_messages import Answer, check_request

_DEADLINE = 2.0  # seconds: more than a sidecar may take
_PAUSE = 0.004  # seconds
_OPTIONS = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 300)]
_FAULT = 500  # HTTP


class Observer:
    """A thread from `start` to `stop`, for one process of a sidecar."""

    def __init__(self, sidecar: Sidecar, number: int, pool: KeyPool, chance: random.Random) -> None:
        self._sidecar = sidecar
        self._place = sidecar.places[number]
        self._pool = pool
        self._chance = chance
        self._channel = grpc.insecure_channel(sidecar.targets[number], _OPTIONS)
        self._check: Callable[..., bytes] = self._channel.unary_unary(
            f"/{CHECK_SERVICE}/{CHECK_METHOD}", request_serializer=None, response_deserializer=None
        )
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self._place)
        self.asked: list[Asked] = []

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> Sequence[Asked]:
        """What it was told."""
        self._done.set()
        self._thread.join()
        self._channel.close()
        return self.asked

    def _run(self) -> None:
        while not self._done.wait(_PAUSE):
            key = self._pool.choose(self._chance)
            scope = READ if self._chance.random() < 0.25 else None
            request = check_request({"x-api-key": key.secret}, path=SCOPED if scope else PLAIN)
            run, begun = self._sidecar.run, time.monotonic()
            answer = self._ask(request)
            self.asked.append(Asked(self._place, run, key, scope, begun, time.monotonic(), answer))

    def _ask(self, request: bytes) -> str:
        try:
            found = Answer.parse(self._check(request, timeout=_DEADLINE))
        except grpc.RpcError:
            return UNANSWERED
        return verdict(found)


def verdict(found: Answer) -> str:
    """`ok`, UNAVAILABLE, or the reason of a refusal."""
    if found.kind == "ok":
        return OK
    return UNAVAILABLE if found.http_status >= _FAULT else str(json.loads(found.body)["error"])
