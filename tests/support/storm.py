"""Very many calls of every kind: answered, cancelled, too late, or cut off with their connection."""

import random
import select
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from tests.support.asker import Asker, Outcome, block

_CONNECTIONS = 4
_IN_FLIGHT = 32
_CALLS_A_CONNECTION = 10_000  # before it is killed
_SHORT = block("20m")
_TOO_LATE = frozenset({(0, b"expired"), (0, b"overloaded: late"), (4, b"")})
"""Ended by us, not begun, or ended by grpcio: DEADLINE_EXCEEDED."""
_PATIENCE = 30.0  # seconds

_Kind = Callable[[Asker, int], tuple[int, frozenset[Outcome]] | None]
"""Asks; the stream and how it may end, or None when it was cancelled."""


@dataclass
class Storm:
    """What came of it."""

    asked: int
    ended: Counter[str]
    """By the kind of call."""
    wrong: list[tuple[frozenset[Outcome], Outcome]]
    killed: int = 0
    """Connections."""

    @property
    def fewest_killed(self) -> int:
        """Connections that must have been: each has part of its calls yet to make at the end."""
        return self.asked // (_CALLS_A_CONNECTION + 1) - _CONNECTIONS + 1


def _echo(asker: Asker, number: int) -> tuple[int, frozenset[Outcome]]:
    message = b"%d" % number
    return asker.ask(message), frozenset({(0, message)})


def _pending(asker: Asker, number: int) -> tuple[int, frozenset[Outcome]]:
    return asker.ask(b"soon %d" % number), frozenset({(0, b"%d" % number)})


def _too_late(asker: Asker, _number: int) -> tuple[int, frozenset[Outcome]]:
    return asker.ask(b"never", _SHORT), _TOO_LATE


def _cancelled_before_the_message(asker: Asker, _number: int) -> None:
    asker.cancel(asker.open())


def _cancelled(asker: Asker, number: int) -> None:
    asker.cancel(asker.ask(b"%d" % number))


def _cancelled_while_pending(asker: Asker, number: int) -> None:
    asker.cancel(asker.ask(b"soon %d" % number))


_KINDS: Sequence[tuple[_Kind, int]] = (
    (_echo, 58),
    (_pending, 10),
    (_too_late, 2),
    (_cancelled_before_the_message, 10),
    (_cancelled, 10),
    (_cancelled_while_pending, 10),
)
"""With their share, in percent."""


class _Front:
    """One connection after the other, each with the ends that its calls may have."""

    def __init__(self, target: str, storm: Storm) -> None:
        self._target = target
        self._storm = storm
        self._begin()

    def ask(self, kind: _Kind, number: int) -> None:
        asked = kind(self.asker, number)
        self.calls += 1
        if asked is None:
            self._storm.ended["cancelled"] += 1
        else:
            self._expected[asked[0]] = asked[1]

    def kill(self) -> None:
        self._storm.ended["cut off"] += len(self._expected)
        self._storm.killed += 1
        self.asker.kill()
        self._begin()

    def _begin(self) -> None:
        self._expected: dict[int, frozenset[Outcome]] = {}
        self.calls = 0
        self.asker = Asker(self._target, partial(self._end, self._expected))

    def _end(self, expected: dict[int, frozenset[Outcome]], stream: int, outcome: Outcome) -> None:
        allowed = expected.pop(stream)
        self._storm.ended["too late" if allowed is _TOO_LATE else "answered"] += 1
        if outcome not in allowed:
            self._storm.wrong.append((allowed, outcome))


def storm(target: str, calls: int, seed: int = 1) -> Storm:
    """Make so many calls and wait for the end of each. Every connection is killed in its turn, with calls under way."""
    outcome = Storm(calls, Counter(), [])
    fronts = [_Front(target, outcome) for _ in range(_CONNECTIONS)]
    kinds = _mixed(seed)
    asked = 0
    while asked < calls:
        for front in fronts:
            while asked < calls and front.asker.has_room and len(front.asker.under_way) < _IN_FLIGHT:
                front.ask(next(kinds), asked)
                asked += 1
                if front.calls % _IN_FLIGHT == 0:
                    break
            if front.calls > _CALLS_A_CONNECTION:
                front.kill()
        _exchange(fronts, 0.1)
    deadline = time.monotonic() + _PATIENCE
    while any(front.asker.under_way for front in fronts):
        assert time.monotonic() < deadline, "some calls were never answered"
        _exchange(fronts, 0.1)
    for front in fronts:
        front.asker.socket.close()
    return outcome


def _mixed(seed: int) -> Iterator[_Kind]:
    chance = random.Random(seed)
    kinds, shares = zip(*_KINDS, strict=True)
    while True:
        yield from chance.choices(kinds, shares, k=1000)


def _exchange(fronts: Sequence[_Front], seconds: float) -> None:
    askers = [front.asker for front in fronts]
    readable, writable, _ = select.select(askers, [asker for asker in askers if asker.has_output], [], seconds)
    for asker in writable:
        asker.send()
    for asker in readable:
        if asker.is_open:
            asker.receive()
    assert all(asker.is_open for asker in askers), "the server has hung up"
