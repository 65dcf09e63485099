"""The names of our keys in Redis. Text in braces is the hash tag: names with the same tag share a Cluster slot."""

from dataclasses import dataclass
from typing import NamedTuple

SHARDS = 64
"""Parts of the key records. All of a part share a slot, so that one script can write many records, and the publisher's
fence beside them; the parts spread over a Cluster's nodes."""


def shard_of(digest: bytes) -> int:
    """The part that a record belongs to."""
    return digest[0] % SHARDS


class RecordId(NamedTuple):
    """What tells one record from another."""

    pepper_id: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Names:
    """All names begin with the installation's namespace."""

    namespace: str

    def record(self, pepper_id: str, digest: bytes) -> str:
        """String: `<epoch> <revision>`, then ` final` if nothing may follow, a newline, a serialised KeyRecord."""
        return f"{self.namespace}:key:{{{shard_of(digest):02x}}}:{pepper_id}:{digest.hex()}"

    def record_id(self, name: str) -> RecordId | None:
        """The way back from `record`; None for a name that it cannot have made."""
        *_, pepper_id, digest = name.split(":")
        try:
            found = RecordId(pepper_id, bytes.fromhex(digest))
        except ValueError:
            return None
        return found if found.digest and self.record(*found) == name else None

    @property
    def record_pattern(self) -> str:
        """For SCAN: every record of this namespace."""
        return f"{self.namespace}:key:*"

    def fence(self, shard: int) -> str:
        """String: the fencing number of the only publisher that may write records of this part."""
        return f"{self.namespace}:fence:{{{shard:02x}}}"

    @property
    def leader(self) -> str:
        """Hash: who publishes, see leadership.py."""
        return f"{self.namespace}:{{feed}}:leader"

    @property
    def changes(self) -> str:
        """Stream: the change feed."""
        return f"{self.namespace}:{{feed}}:changes"

    @property
    def state(self) -> str:
        """Hash: what has been published, see publication.py."""
        return f"{self.namespace}:{{feed}}:state"

    @property
    def usage(self) -> str:
        """Stream: batches of usage that no registry has taken yet, see usage_batch.py."""
        return f"{self.namespace}:{{usage}}:batches"

    @property
    def replicas(self) -> str:
        """Sorted set: who serves checks, by when it last said so, see replicas.py."""
        return f"{self.namespace}:replicas"

    def bucket(self, tenant: str | None, api: str, limit: str, subject: str, more: str = "") -> str:
        """String: a bucket's level. Those of one tenant share a slot; one that several tenants share, for which
        `tenant` is None, has a slot of its own.
        """
        if tenant is None:
            return f"{self.namespace}:bucket:{{{api}:{limit}:{subject}{more}}}"
        return f"{self.namespace}:bucket:{{{tenant}}}:{api}:{limit}:{subject}{more}"
