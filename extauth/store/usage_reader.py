"""The registry's end of the stream of usage: batches are read from its beginning, and removed when they are kept.

So the stream itself remembers how far the registry has come, whatever becomes of it: a Redis that is new, was restored
or has its clock set back loses or repeats batches, but no position in it can be wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import redis

from extauth.store.errors import translated
from extauth.store.names import Names
from extauth.store.usage_batch import MalformedBatchError, UsageBatch


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """An entry of the stream; `batch` is None when it cannot be read. `stored_at` in Unix milliseconds."""

    entry_id: str
    batch: UsageBatch | None

    @property
    def stored_at(self) -> int:
        """By Redis' clock."""
        return int(self.entry_id.partition("-")[0])


class UsageReader:
    """What a collector does to Redis. Raises StoreUnavailableError."""

    def __init__(self, client: redis.Redis, names: Names) -> None:
        self._client = client
        self._names = names

    def oldest(self, limit: int) -> list[StoredBatch]:
        """At most `limit` batches, in the order in which they came."""
        entries: Any  # redis-py may be set to answer in str; ours is not
        with translated():
            entries = self._client.xrange(self._names.usage, count=limit)
        return [StoredBatch(entry_id.decode(), _read(fields)) for entry_id, fields in entries]

    def remove(self, batches: Sequence[StoredBatch]) -> None:
        """Remove batches; those that are gone already do not matter."""
        with translated():
            self._client.xdel(self._names.usage, *(batch.entry_id for batch in batches))

    def waiting(self) -> int:
        """How many batches there are."""
        with translated():
            return int(self._client.xlen(self._names.usage))

    def close(self) -> None:
        self._client.close()


def _read(fields: dict[bytes, bytes]) -> UsageBatch | None:
    try:
        return UsageBatch.from_fields(fields)
    except MalformedBatchError:
        return None
