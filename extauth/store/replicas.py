"""Counting the processes that share the buckets: each says in Redis every few seconds that it is there.

Redis' answer tells what time it is, too.
"""

import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from redis.client import Pipeline

from extauth.settings.rate import MICROSECONDS
from extauth.store.errors import StoreUnavailableError
from extauth.store.names import Names
from extauth.store.queue import Need, Submit
from extauth.store.scripts import BEAT
from extauth.store.slots import SlotOf

PACE = 5.0
"""Seconds between two beats."""
_FORGOTTEN_AFTER = 15  # seconds
_COUNTS = 3  # of the last counts the largest holds: after a restart of Redis the others need a while to come back
_PATIENCE = 1.0  # seconds


class Replicas:
    """Each process that serves checks is one, whatever machine it is on. `beat` regularly, and `leave` at the end.

    `set_time` is told Redis' time, in Unix seconds.
    """

    def __init__(
        self,
        submit: Submit,
        names: Names,
        set_time: Callable[[float], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._submit = submit
        self._key = names.replicas
        self._set_time = set_time
        self._clock = clock
        self._name = secrets.token_hex(8)
        self._counts = deque([1], maxlen=_COUNTS)

    def count(self) -> int:
        """How many there were when Redis last said, this one included."""
        return max(self._counts)

    def beat(self) -> None:
        arguments = (BEAT.sha, 1, self._key, self._name, _FORGOTTEN_AFTER)
        self._say(lambda pipeline: pipeline.evalsha(*arguments), self._told)

    def leave(self) -> None:
        """The others need not wait until this one is forgotten."""
        self._say(lambda pipeline: pipeline.zrem(self._key, self._name), lambda _: None)

    def _told(self, reply: Sequence[int]) -> None:
        count, seconds, microseconds = reply
        self._counts.append(count)
        self._set_time(seconds + microseconds / MICROSECONDS)

    def _say(self, command: Callable[[Pipeline], Any], told: Callable[[Any], None]) -> None:
        self._submit(_Beat(self._key, command, told, self._clock() + _PATIENCE))


class _Beat:
    """A `Need` of the queue: one command, and what becomes of its reply. Without one the last count stays."""

    def __init__(
        self, key: str, command: Callable[[Pipeline], Any], told: Callable[[Any], None], deadline: float
    ) -> None:
        self.deadline = deadline
        self._key = key
        self._command = command
        self._told = told

    def ask(self, pipeline: Pipeline) -> int:
        self._command(pipeline)
        return 1

    def answer(self, replies: Sequence[Any]) -> None:
        self._told(replies[0])

    def fail(self, error: StoreUnavailableError) -> None:
        """The queue has counted it."""

    def split(self, slot_of: SlotOf, _submit: Submit) -> dict[int, Need]:
        return {slot_of(self._key): self}
