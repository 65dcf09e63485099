"""What a publisher reads; the registry's History is one."""

from collections.abc import Collection, Sequence
from typing import Protocol

from extauth.keys.change import KeyChange
from extauth.keys.record import KeyRecord, Version


class KeySource(Protocol):
    """The registry's history: its keys, and its revocations of bearer tokens in the same form.

    Its methods raise the error type that the publisher was told of while the registry cannot be read.
    """

    def head(self) -> Version:
        """Epoch and last committed revision, of one moment. The epoch grows when a registry is restored from a backup;
        the revision is 0 for an empty registry.
        """
        ...

    def mark(self, revision: int) -> str:
        """Something that tells this revision from one of the same number in another history; empty when unknown."""
        ...

    def committed_after(self, revision: int) -> int | None:
        """When the first change after `revision` was committed, in Unix milliseconds; None when there is none."""
        ...

    def changes_after(self, revision: int, limit: int) -> Sequence[KeyChange]:
        """The present state of each key that changed after `revision`, in order of revision."""
        ...

    def records(self, after_key_id: str, limit: int) -> Sequence[KeyRecord]:
        """All records in pages, always in the same order of ids; begin with an empty id."""
        ...

    def known(self, wanted: Collection[tuple[str, bytes]]) -> set[tuple[str, bytes]]:
        """Those of some pairs of pepper id and digest that have a record."""
        ...
