"""What a publisher reads; the registry's History is one."""

from collections.abc import Sequence
from typing import Protocol

from extauth.keys.change import KeyChange
from extauth.keys.record import KeyRecord


class KeySource(Protocol):
    """The registry's history: its keys, and its revocations of bearer tokens in the same form.

    Its methods raise the error type that the publisher was told of while the registry cannot be read.
    """

    def epoch(self) -> int:
        """Grows when a registry is restored from a backup."""
        ...

    def revision(self) -> int:
        """The last committed revision; 0 for an empty registry."""
        ...

    def changes_after(self, revision: int, limit: int) -> Sequence[KeyChange]:
        """The present state of each key that changed after `revision`, in order of revision."""
        ...

    def records(self, after_key_id: str, limit: int) -> Sequence[KeyRecord]:
        """All records in pages, always in the same order of ids; begin with an empty id."""
        ...
