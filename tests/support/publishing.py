"""Publishing by hand: what a publisher does to Redis, without a registry behind it."""

from collections.abc import Sequence
from dataclasses import replace

import redis

from extauth.keys.record import KeyRecord, Version
from extauth.store.names import Names, RecordId
from extauth.store.publication import Announcement, State
from extauth.store.publishing import PublishingStores


class HandPublisher:
    """Has the lease from the start. `state` is what it published last."""

    def __init__(self, client: redis.Redis, names: Names) -> None:
        self.stores = PublishingStores.on(client, names, "by hand", 60)
        self.state = State("nothing yet", 0)
        self.lead()

    def lead(self) -> None:
        """Take the lease, or take it again after Redis lost it."""
        assert self.stores.leadership.take()
        self.stores.leadership.admit()

    def begin(self, epoch: int = 1, revision: int = 0) -> State:
        self.lead()
        self.state = self.stores.publication.begin(Version(epoch, revision))
        return self.state

    def complete(self) -> State:
        return self._move(replace(self.state, complete=True))

    def put(self, records: Sequence[KeyRecord]) -> list[int]:
        return self.stores.records.put(records)

    def announce(self, *records: KeyRecord, revision: int = 0) -> State:
        """Tell of changed records, committed long ago."""
        entries = [Announcement(record.digest, record.version, 1) for record in records]
        return self._move(replace(self.state, revision=revision), entries)

    def tell(self, *records: KeyRecord) -> State:
        """Write records, then announce them."""
        self.put(records)
        return self.announce(*records)

    def stored(self) -> list[KeyRecord]:
        return stored(self.stores)

    def close(self) -> None:
        self.stores.leadership.close()

    def _move(self, new: State, entries: Sequence[Announcement] = ()) -> State:
        moved = self.stores.publication.announce(self.state, new, entries)
        assert moved is not None
        self.state = moved
        return moved


def stored(stores: PublishingStores) -> list[KeyRecord]:
    """All records in Redis."""
    ids: dict[RecordId, None] = dict.fromkeys(one for page in stores.records.ids() for one in page)
    return [found.record for found in stores.records.read(list(ids)) if found.record is not None]
