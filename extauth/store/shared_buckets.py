"""Buckets in Redis: the two calls that are made of them, as needs of the Redis thread."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from redis.client import Pipeline

from extauth.store.bucket import Level
from extauth.store.draw import Bucket
from extauth.store.errors import StoreUnavailableError
from extauth.store.queue import Need, Submit
from extauth.store.scripts import LEASE, SPEND
from extauth.store.slots import Gathering, SlotOf, by_slot, first_error

_PATIENCE = 1.0  # seconds, for what goes back

Spent = Callable[[list[Level] | StoreUnavailableError], None]


class Spend:
    """Take tokens from buckets, all or none. In a Cluster, when they are in several slots: `_spent_apart`."""

    def __init__(self, buckets: Sequence[Bucket], deadline: float, done: Spent) -> None:
        self.deadline = deadline
        self._buckets = buckets
        self._done = done

    def ask(self, pipeline: Pipeline) -> int:
        names = [bucket.name for bucket in self._buckets]
        arguments = [number for bucket in self._buckets for number in (*_shape(bucket), bucket.cost)]
        pipeline.evalsha(SPEND.sha, len(names), *names, *arguments)
        return 1

    def answer(self, replies: Sequence[Any]) -> None:
        _now, *facts = replies[0]
        levels = [
            Level(bucket.shape, facts[2 * index] == 1, int(facts[2 * index + 1]))
            for index, bucket in enumerate(self._buckets)
        ]
        self._done(levels)

    def fail(self, error: StoreUnavailableError) -> None:
        self._done(error)

    def split(self, slot_of: SlotOf, submit: Submit) -> dict[int, Need]:
        slots = by_slot(self._buckets, lambda bucket: slot_of(bucket.name))
        if len(slots) == 1:
            return dict.fromkeys(slots, self)
        wishes = [Ahead(bucket, wanted=bucket.cost) for bucket in self._buckets]
        taken = partial(_spent_apart, wishes, submit, self._done)
        return TakeAhead(wishes, self.deadline, taken).split(slot_of, submit)


class Ahead(NamedTuple):
    """What to do with one bucket: take as many tokens as there are of those `wanted`, and give back `unused` ones."""

    bucket: Bucket
    wanted: int = 0
    share: int = 1
    """No more than one in so many of those that there are."""
    unused: int = 0
    taken_then: int = 0
    """The bucket's count of tokens taken when the unused ones were granted."""


class Got(NamedTuple):
    """What came of it: tokens granted, the level afterwards (`enough`: all that was wanted), and the count by then."""

    granted: int
    level: Level
    taken: int


Taken = Callable[[list[Got] | StoreUnavailableError], None]


class TakeAhead:
    """Take tokens of buckets ahead, or give them back. Each bucket by itself, so that they may be in several slots."""

    def __init__(self, wishes: Sequence[Ahead], deadline: float, done: Taken) -> None:
        self.deadline = deadline
        self._wishes = wishes
        self._done = done

    def ask(self, pipeline: Pipeline) -> int:
        names = [wish.bucket.name for wish in self._wishes]
        arguments = [number for wish in self._wishes for number in (*_shape(wish.bucket), *wish[1:])]
        pipeline.evalsha(LEASE.sha, len(names), *names, *arguments)
        return 1

    def answer(self, replies: Sequence[Any]) -> None:
        facts = replies[0][1:]
        self._done(
            [
                Got(granted, Level(wish.bucket.shape, granted == wish.wanted, int(debt)), int(taken))
                for wish, granted, debt, taken in zip(self._wishes, facts[::3], facts[1::3], facts[2::3], strict=True)
            ]
        )

    def fail(self, error: StoreUnavailableError) -> None:
        self._done(error)

    def split(self, slot_of: SlotOf, submit: Submit) -> dict[int, Need]:
        slots = by_slot(self._wishes, lambda wish: slot_of(wish.bucket.name))
        if len(slots) == 1:
            return dict.fromkeys(slots, self)
        gathering = Gathering[list[Got]](slots, partial(self._gathered, slots, submit))
        return {slot: TakeAhead(wishes, self.deadline, partial(gathering.put, slot)) for slot, wishes in slots.items()}

    def _gathered(
        self, slots: dict[int, list[Ahead]], submit: Submit, found: dict[int, list[Got] | StoreUnavailableError]
    ) -> None:
        got: dict[str, Got] = {}
        for slot, some in found.items():
            if not isinstance(some, StoreUnavailableError):
                got.update(zip((wish.bucket.name for wish in slots[slot]), some, strict=True))
        error = first_error(found.values())
        if error is None:
            self._done([got[wish.bucket.name] for wish in self._wishes])
            return
        _give_back([(wish, got[wish.bucket.name]) for wish in self._wishes if wish.bucket.name in got], submit)
        self._done(error)


def _spent_apart(wishes: Sequence[Ahead], submit: Submit, done: Spent, got: list[Got] | StoreUnavailableError) -> None:
    """No script reaches several slots: each bucket has given what it has, and if one had too little all get it back.

    Until then these tokens are held as a lease's are, so an exact limit is held as exactly as a leased one.
    """
    if isinstance(got, StoreUnavailableError):
        done(got)
    elif all(one.level.enough for one in got):
        done([one.level for one in got])
    else:
        _give_back(list(zip(wishes, got, strict=True)), submit)
        done([_without(wish.bucket, one) for wish, one in zip(wishes, got, strict=True)])


def _without(bucket: Bucket, got: Got) -> Level:
    """The level of a bucket that gets back what it gave."""
    return replace(got.level, debt=max(got.level.debt - got.granted * bucket.shape.period, 0))


def _give_back(taken: Sequence[tuple[Ahead, Got]], submit: Submit) -> None:
    """Whatever the answer: tokens that do not arrive are lost until time has made them up."""
    deadline = time.monotonic() + _PATIENCE
    for wish, got in taken:
        if got.granted:
            back = Ahead(wish.bucket, unused=got.granted, taken_then=got.taken)
            submit(TakeAhead([back], deadline, lambda _: None))


def _shape(bucket: Bucket) -> tuple[int, int, int, int]:
    shape = bucket.shape
    return shape.amount, shape.period, shape.burst, shape.window.ends * 1000 if shape.window else 0
