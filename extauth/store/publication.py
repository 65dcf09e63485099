"""What Redis says of the publication as a whole: the change feed, and the state that vouches for feed and records.

The state is a hash: instance, a random name for one complete publication; epoch and revision of the registry up to
which it goes, and mark, by which that revision is known again; number, that of the feed's newest entry; complete, "1"
once every key has been written; compared, how far the comparison under way has come, empty while there is none;
compared_at, when the last one ended; beat, the milliseconds of Redis' clock when the publisher last wrote; fence, its
fencing number, which stands beside every record that it vouches for.
"""

import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import redis

from extauth.keys.record import Version
from extauth.store.errors import translated
from extauth.store.leadership import DeposedError, Leadership
from extauth.store.names import Names
from extauth.store.run_script import Argument, run
from extauth.store.scripts import ANNOUNCE, BEGIN

FEED_LENGTH = 100_000  # entries; a sidecar further behind than this reads everything anew


@dataclass(frozen=True, slots=True)
class Announcement:
    """One entry of the feed: this digest has a new state. `committed_at` in Unix milliseconds."""

    digest: bytes
    version: Version
    committed_at: int


@dataclass(frozen=True, slots=True)
class State:
    """The part of the state that the publisher needs back. `compared_at` in Unix milliseconds, 0 for never."""

    instance: str
    epoch: int
    revision: int = 0
    mark: str = ""
    number: int = 0
    complete: bool = False
    compared: str = ""
    compared_at: int = 0

    @property
    def version(self) -> Version:
        """Up to which everything is published."""
        return Version(self.epoch, self.revision)

    def to_fields(self) -> list[Argument]:
        """Names and values, for HSET."""
        return [text for name, value in asdict(self).items() for text in (name, _text(value))]


_FIELDS = [field.name for field in fields(State)]


class PublicationStore:
    """Raises StoreUnavailableError, and DeposedError from what writes once the lease is another one's."""

    def __init__(self, client: redis.Redis, names: Names, leadership: Leadership) -> None:
        self._client = client
        self._names = names
        self._leadership = leadership

    def state(self) -> State | None:
        return read_state(self._client, self._names)

    def begin(self, version: Version, mark: str = "") -> State:
        """Start a new publication, which then goes up to `version`, and an empty feed.

        Until it is complete, a key that is not found is not known to be absent.
        """
        state = State(secrets.token_hex(8), version.epoch, version.revision, mark)
        keys = [self._names.changes, self._names.state, self._names.leader]
        with translated():
            outcome = int(run(self._client, BEGIN, keys, [self._leadership.number, *self._fields(state)]))
        if outcome < 0:
            raise DeposedError
        return state

    def announce(self, known: State, new: State, announcements: Sequence[Announcement] = ()) -> State | None:
        """Append to the feed, and make the state `new`; return it, or None when the state is not the `known` one."""
        state = replace(new, number=known.number + len(announcements))
        moved = self._fields(state)
        arguments: list[Argument] = [
            self._leadership.number,
            known.instance,
            known.number,
            FEED_LENGTH,
            len(moved),
            *moved,
        ]
        for one in announcements:
            arguments += (one.digest.hex(), one.version.epoch, one.version.revision, one.committed_at)
        keys = [self._names.changes, self._names.state, self._names.leader]
        with translated():
            outcome = int(run(self._client, ANNOUNCE, keys, arguments))
        if outcome < 0:
            raise DeposedError
        return state if outcome else None

    def _fields(self, state: State) -> list[Argument]:
        return [*state.to_fields(), "fence", self._leadership.number]


def read_state(client: redis.Redis, names: Names) -> State | None:
    """None when nothing has ever been published here, or Redis has lost it. Raises StoreUnavailableError."""
    values: list[Any]
    with translated():
        values = list(client.hmget(names.state, _FIELDS))
    instance, epoch, revision, mark, number, complete, compared, compared_at = (
        value.decode() if value else "" for value in values
    )
    if not instance:
        return None
    return State(
        instance=instance,
        epoch=int(epoch or 0),
        revision=int(revision or 0),
        mark=mark,
        number=int(number or 0),
        complete=complete == "1",
        compared=compared,
        compared_at=int(compared_at or 0),
    )


def _text(value: str | int) -> str | int:
    """As it stands in the hash: HSET knows no booleans."""
    return int(value) if isinstance(value, bool) else value
