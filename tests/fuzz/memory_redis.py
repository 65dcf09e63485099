"""What the Redis thread does for a check, in memory and at once: fuzzing makes thousands of checks in a second."""

import time
from typing import Any, cast

from extauth.store.errors import StoreUnavailableError
from extauth.store.queue import Need
from tests.support.model_redis import ModelRedis

_MICROSECONDS = 1_000_000
_MOST_BUCKETS = 1000


class MemoryQueue:
    """Values by name, whether the publication is complete, and buckets. `any_value` is what unknown names have."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.complete: bytes | None = b"1"
        self.any_value: bytes | None = None
        self.is_away = False
        self._buckets = ModelRedis()

    def start(self) -> None:
        """There is no thread."""

    def stop(self, timeout: float) -> None:
        """There is no thread."""

    def doubt(self) -> None:
        """It is never wrong."""

    @property
    def redis_is_away(self) -> bool:
        return self.is_away

    def submit(self, need: Need) -> None:
        """Answered before this returns; what goes wrong meanwhile is raised, as no RedisQueue would."""
        if self.is_away:
            need.fail(StoreUnavailableError("circuit"))
            return
        pipeline = _Pipeline(self)
        count = need.ask(cast("Any", pipeline))
        assert count == len(pipeline.replies)
        need.answer(pipeline.replies)

    def evalsha(self, *arguments: Any) -> Any:
        if len(self._buckets.kept) > _MOST_BUCKETS:
            self._buckets.kept.clear()
        return self._buckets.evalsha(int(time.time() * _MICROSECONDS), *arguments)


class _Pipeline:
    def __init__(self, queue: MemoryQueue) -> None:
        self._queue = queue
        self.replies: list[Any] = []

    def get(self, name: str) -> None:
        self.replies.append(self._queue.values.get(name, self._queue.any_value))

    def hget(self, _name: str, _field: str) -> None:
        self.replies.append(self._queue.complete)

    def evalsha(self, *arguments: Any) -> None:
        self.replies.append(self._queue.evalsha(*arguments))
