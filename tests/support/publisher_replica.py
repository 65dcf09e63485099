"""A publisher under test: what it has in Redis, what it counts, and keys to publish."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from extauth.keys.record import KeyRecord
from extauth.publish import writer
from extauth.publish.publisher import Publisher
from extauth.registry.database import Database
from extauth.registry.errors import UnavailableError
from extauth.registry.history import History
from extauth.registry.key import IssuedKey, NewKey
from extauth.registry.operations import KeyRegistry
from extauth.settings.redis import RedisSettings
from extauth.store.client import connect
from extauth.store.names import Names
from extauth.store.publication import State
from extauth.store.publishing import PublishingStores
from extauth.telemetry.publisher_metrics import PublisherMetrics
from tests.support.publishing import stored
from tests.support.redis_server import RedisServer


class Replica:
    """One publisher with what it has in Redis and what it counts."""

    def __init__(self, database: Database, settings: RedisSettings, names: Names, **changes: float) -> None:
        self.metrics = PublisherMetrics(CollectorRegistry())
        self.stores = PublishingStores.on(connect(settings), names, "a test", changes.pop("lease", 60))
        intervals = {"poll_interval": 0.02, "reconcile_interval": 3600, "reconcile_rate": 1_000_000, **changes}
        self.publisher = Publisher(
            History(database), self.stores, self.metrics, source_error=UnavailableError, **intervals
        )

    def publish(self) -> None:
        self.publisher.publish_once()

    def end(self) -> None:
        """Also after a test that failed: a thread that goes on would write into the Redis of the next test."""
        if self.publisher._thread.is_alive():
            self.publisher.stop(timeout=5)
        self.stores.leadership.close()

    def compare(self) -> None:
        """One full comparison, now."""
        self.publisher._writer._is_urgent = True
        self.publish()

    @property
    def state(self) -> State:
        found = self.stores.publication.state()
        assert found is not None
        return found

    def in_redis(self) -> dict[str, KeyRecord]:
        return {record.key_id: record for record in stored(self.stores)}

    def restarts(self) -> dict[str, float]:
        found = {cause: self.metrics.restarts.labels(cause)._value.get() for cause in writer.CAUSES}
        return {cause: count for cause, count in found.items() if count}

    def count(self, outcome: str) -> float:
        return float(self.metrics.records.labels(outcome)._value.get())

    def gauge(self, name: str) -> float:
        (metric,) = getattr(self.metrics, name).collect()
        return float(metric.samples[0].value)


Make = Callable[..., Replica]


def create(registry: KeyRegistry, name: str = "a key") -> IssuedKey:
    return registry.create(NewKey(name=name, tenant="acme", created_by="test", scopes=("read",)), "test")


def feed(redis_server: RedisServer, names: Names) -> list[int]:
    """The revisions that the feed tells of."""
    with redis_server.client() as client:
        return [int(entry[b"revision"]) for _, entry in client.xrange(names.changes)]
