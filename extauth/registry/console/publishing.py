"""How the way from the registry to Redis does, as /metrics and /readyz of this process tell it."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from prometheus_client import CollectorRegistry

_PUBLISHER = "publisher"


class Publishing(NamedTuple):
    """Numbers are None where this process has no publisher, as in tests."""

    fault: str | None
    """What keeps this replica from publishing, or from standing by."""
    leads: bool
    """Whether this replica publishes, and no other."""
    lag: float | None
    """Seconds: the age of the oldest change that is not in Redis."""
    behind: int | None
    """Changes that are not in Redis."""
    compared_at: int | None
    """When this replica last compared all of Redis with the database, in Unix milliseconds; None before."""
    propagating: int
    """Tenants and plans that have changed, and of whose keys some have yet to be told."""
    batches: int | None
    """Of usage, waiting in Redis."""
    batches_lag: float | None
    """Seconds: the age of the oldest of them."""

    @property
    def is_there(self) -> bool:
        return self.lag is not None


def publishing_now(registry: CollectorRegistry, components: Mapping[str, Callable[[], str | None]]) -> Publishing:
    """Any thread."""
    samples = {
        sample.name: sample.value for family in registry.collect() for sample in family.samples if not sample.labels
    }
    compared_at = samples.get("extauth_publisher_last_reconcile_timestamp_seconds")
    behind = samples.get("extauth_publisher_revisions_behind")
    batches = samples.get("extauth_collector_batches_waiting")
    fault = components.get(_PUBLISHER)
    return Publishing(
        fault=fault() if fault is not None else None,
        leads=bool(samples.get("extauth_publisher_leading")),
        lag=samples.get("extauth_publisher_lag_seconds"),
        behind=None if behind is None else int(behind),
        compared_at=round(compared_at * 1000) if compared_at else None,
        propagating=int(samples.get("extauth_registry_propagating", 0)),
        batches=None if batches is None else int(batches),
        batches_lag=samples.get("extauth_collector_lag_seconds"),
    )
