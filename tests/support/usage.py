"""Usage as a sidecar would send it."""

from collections.abc import Sequence

from extauth.store.usage_batch import MINUTE, UsageBatch, UsageRow

INSTANCE = "00112233445566ff"
NOON = 1_800_014_400_000
"""Unix milliseconds: 2027-01-15, 12:00 UTC."""


def row(
    key_id: str = "000000000001", minute: int = NOON, *, tenant: str = "acme", api: str = "orders", **counts: int
) -> UsageRow:
    """One check allowed, unless told otherwise."""
    return UsageRow(key_id, tenant, api, minute - minute % MINUTE, minute, counts or {"allowed": 1})


def batch(sequence: int, *rows: UsageRow, instance: str = INSTANCE) -> UsageBatch:
    """The batch with this number; one check allowed, unless told otherwise."""
    return UsageBatch(instance, sequence, rows or (row(),))


def batches(count: int, instance: str = INSTANCE) -> Sequence[UsageBatch]:
    """The first batches of a sidecar, one check each."""
    return [batch(number, instance=instance) for number in range(1, count + 1)]
