"""Reading key records from a Cluster, where no single answer tells that a key does not exist.

A record that is there is found in one exchange. One that is not has been lost with its node, or was never published,
unless two things hold: the publication is complete, and the fence beside the record is the one of the publisher that
says so. Both are read before it is looked for once more, so that a publication which ends meanwhile deceives nobody.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from redis.client import Pipeline

from extauth.store.errors import StoreUnavailableError
from extauth.store.slots import Gathering, Question, Replies, SlotOf, by_slot, first_error

if TYPE_CHECKING:
    from extauth.store.queue import Need, Submit

Values = Sequence[bytes | None]


class Place(NamedTuple):
    """The names of a record, and of the fence in its slot."""

    record: str
    fence: str


class SlotRead:
    """`parts` begins; `done` gets the values of all places, None for what surely does not exist, or an error."""

    def __init__(
        self,
        places: Sequence[Place],
        state: str,
        deadline: float,
        done: Callable[[Values | StoreUnavailableError], None],
    ) -> None:
        self._places = places
        self._state = state
        self._deadline = deadline
        self._done = done

    def parts(self, slot_of: SlotOf, submit: "Submit") -> "dict[int, Need]":
        return self._questions(slot_of, lambda found: self._looked(found, slot_of, submit))

    def _questions(self, slot_of: SlotOf, then: Callable[[dict[str, bytes | None]], None]) -> "dict[int, Need]":
        """Read every record and fence; `then` gets them by name."""
        places = by_slot(self._places, lambda place: slot_of(place.record))
        gathering = Gathering[Replies](places, lambda found: self._gathered(places, found, then))
        return {
            slot: Question(some[0].record, self._deadline, partial(_ask, some), partial(gathering.put, slot))
            for slot, some in places.items()
        }

    def _gathered(
        self,
        places: dict[int, list[Place]],
        found: dict[int, Replies | StoreUnavailableError],
        then: Callable[[dict[str, bytes | None]], None],
    ) -> None:
        error = first_error(found.values())
        if error is not None:
            self._done(error)
            return
        values: dict[str, bytes | None] = {}
        for slot, replies in found.items():
            if not isinstance(replies, StoreUnavailableError):
                values.update(zip((name for place in places[slot] for name in place), replies, strict=True))
        then(values)

    def _looked(self, found: dict[str, bytes | None], slot_of: SlotOf, submit: "Submit") -> None:
        if not self._is_there(found):
            submit(Question(self._state, self._deadline, self._ask_state, partial(self._told, slot_of, submit)))

    def _ask_state(self, pipeline: Pipeline) -> int:
        pipeline.hmget(self._state, ["complete", "fence"])
        return 1

    def _told(self, slot_of: SlotOf, submit: "Submit", replies: Replies | StoreUnavailableError) -> None:
        if isinstance(replies, StoreUnavailableError):
            self._done(replies)
            return
        complete, fence = replies[0]
        if complete != b"1" or fence is None:
            self._done(StoreUnavailableError("unpublished"))
            return
        for part in self._questions(slot_of, partial(self._looked_again, fence)).values():
            submit(part)

    def _looked_again(self, fence: bytes, found: dict[str, bytes | None]) -> None:
        if self._is_there(found):
            return
        is_whole = all(found[place.fence] == fence for place in self._places)
        self._done([None] * len(self._places) if is_whole else StoreUnavailableError("unpublished"))

    def _is_there(self, found: dict[str, bytes | None]) -> bool:
        """Whether any of the records is; then that is the answer."""
        values = [found[place.record] for place in self._places]
        if any(value is not None for value in values):
            self._done(values)
            return True
        return False


def _ask(places: Sequence[Place], pipeline: Pipeline) -> int:
    for place in places:
        pipeline.get(place.record)
        pipeline.get(place.fence)
    return 2 * len(places)
