"""The three things that a publisher has in Redis, which belong together: they share one lease."""

from dataclasses import dataclass

import redis

from extauth.store.leadership import Leadership
from extauth.store.names import Names
from extauth.store.publication import PublicationStore
from extauth.store.records import RecordStore


@dataclass(frozen=True, slots=True)
class PublishingStores:
    """Of one publisher."""

    leadership: Leadership
    publication: PublicationStore
    records: RecordStore

    @classmethod
    def on(cls, client: redis.Redis, names: Names, holder: str, lease_seconds: float) -> "PublishingStores":
        """`client` is the publisher's alone; the lease closes it. `holder` names the process, for people."""
        leadership = Leadership(client, names, holder, lease_seconds)
        return cls(leadership, PublicationStore(client, names, leadership), RecordStore(client, names, leadership))
