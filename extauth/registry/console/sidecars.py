"""Which sidecars the ledger knows: those that sent usage."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select

from extauth.registry.database import Database
from extauth.registry.schema import usage_senders

_MOST = 20


class Sidecar(NamedTuple):
    """One process of a sidecar; it has another instance after each start."""

    instance: str
    batches: int
    """That it has sent, or of which it told."""
    seen_at: int
    """When the last of them came, in Unix milliseconds."""


class Sidecars:
    def __init__(self, database: Database) -> None:
        self._database = database

    def latest(self) -> Sequence[Sidecar]:
        """Those that sent usage last, the last one first; UnavailableError."""
        columns = usage_senders.c
        statement = select(columns.instance, columns.sequence, columns.seen_at)
        with self._database.read() as connection:
            rows = connection.execute(statement.order_by(columns.seen_at.desc(), columns.instance).limit(_MOST))
            return [Sidecar(*row) for row in rows]
