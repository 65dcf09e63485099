"""The names of our keys in Redis. Text in braces is the hash tag: names with the same tag share a Cluster slot."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Names:
    """All names begin with the installation's namespace."""

    namespace: str

    def record(self, pepper_id: str, digest: bytes) -> str:
        """String: `<epoch> <revision>`, a newline, then a serialised KeyRecord."""
        return f"{self.namespace}:key:{pepper_id}:{digest.hex()}"

    @property
    def record_pattern(self) -> str:
        """For SCAN: every record of this namespace."""
        return f"{self.namespace}:key:*"

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

    def bucket(self, tenant: str, api: str, limit: str, subject: str) -> str:
        """String: a bucket's level. All buckets of one request belong to one tenant, hence to one slot."""
        return f"{self.namespace}:bucket:{{{tenant}}}:{api}:{limit}:{subject}"
