"""What a Cluster needs of needs: names in different slots are asked for apart, and what comes is put together again."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from redis.client import Pipeline

from extauth.store.errors import StoreUnavailableError

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

SlotOf = Callable[[str], int]
"""The slot of a name in Redis."""


def by_slot(items: Iterable[ItemT], slot_of: Callable[[ItemT], int]) -> dict[int, list[ItemT]]:
    """The items of each slot, in their order."""
    found: dict[int, list[ItemT]] = {}
    for item in items:
        found.setdefault(slot_of(item), []).append(item)
    return found


class Gathering(Generic[ResultT]):
    """Calls `done` with the results of all slots when the last one has come. For one thread at a time."""

    def __init__(
        self, slots: Iterable[int], done: Callable[[dict[int, ResultT | StoreUnavailableError]], None]
    ) -> None:
        self._missing = set(slots)
        self._found: dict[int, ResultT | StoreUnavailableError] = {}
        self._done = done

    def put(self, slot: int, result: ResultT | StoreUnavailableError) -> None:
        self._found[slot] = result
        self._missing.discard(slot)
        if not self._missing:
            self._done(self._found)


def first_error(results: Iterable[object]) -> StoreUnavailableError | None:
    return next((one for one in results if isinstance(one, StoreUnavailableError)), None)


Replies = Sequence[Any]


class Question:
    """A need in one slot: `ask` adds its commands, and `done` gets the replies, or why there are none."""

    def __init__(
        self,
        name: str,
        deadline: float,
        ask: Callable[[Pipeline], int],
        done: Callable[[Replies | StoreUnavailableError], None],
    ) -> None:
        self.deadline = deadline
        self._name = name
        self._ask = ask
        self._done = done

    def ask(self, pipeline: Pipeline) -> int:
        return self._ask(pipeline)

    def answer(self, replies: Replies) -> None:
        self._done(replies)

    def fail(self, error: StoreUnavailableError) -> None:
        self._done(error)

    def split(self, slot_of: SlotOf, _submit: object) -> "dict[int, Question]":
        return {slot_of(self._name): self}
