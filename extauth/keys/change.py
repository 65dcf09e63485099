"""KeyChange: one step in the registry's history, as the publisher and WatchKeys hand it on."""

from dataclasses import dataclass

from extauth.keys.record import KeyRecord


@dataclass(frozen=True, slots=True)
class KeyChange:
    """The present state of a key that changed. `committed_at` is in Unix milliseconds."""

    revision: int
    committed_at: int
    record: KeyRecord
