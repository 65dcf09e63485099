"""Ending all that is in force under a pepper: one that is lost, or one that is to go before its last key has ended."""

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial

from sqlalchemy import Table, select

from extauth.registry import times
from extauth.registry.admin_schema import admin_tokens
from extauth.registry.admin_tokens import AdminTokens
from extauth.registry.database import Database
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.operations import KeyRegistry
from extauth.registry.pepper_use import in_force
from extauth.registry.rows import columns_of_revocation
from extauth.registry.schema import keys, token_revocations
from extauth.registry.token_listing import find_revocation
from extauth.registry.transaction import Action, begin

ACTOR = "extauth registry retire-pepper"
"""For the audit trail."""
_PAGE = 500


class PepperRetirement:
    """`retire` may raise UnavailableError, and may then be called again: what is done is not done twice.

    `clock` returns Unix milliseconds.
    """

    def __init__(
        self,
        database: Database,
        keys: KeyRegistry,
        tokens: AdminTokens,
        metrics: RegistryMetrics,
        clock: Callable[[], int] = times.now,
    ) -> None:
        self._database = database
        self._keys = keys
        self._tokens = tokens
        self._metrics = metrics
        self._clock = clock

    def retire(self, pepper_id: str) -> None:
        """Revoke keys and admin tokens, and end revocations of bearer tokens, which are no longer found without it."""
        reason = f"pepper {pepper_id} was retired"
        self._each(keys, pepper_id, partial(self._keys.revoke, reason=reason, actor=ACTOR))
        self._each(admin_tokens, pepper_id, partial(self._tokens.revoke, reason=reason, actor=ACTOR))
        self._each(token_revocations, pepper_id, self._end_revocation)

    def _each(self, table: Table, pepper_id: str, end: Callable[[str], object]) -> None:
        while found := self._some(table, pepper_id):
            for one in found:
                end(one)

    def _some(self, table: Table, pepper_id: str) -> Sequence[str]:
        statement = select(table.c.id).where(table.c.pepper_id == pepper_id, in_force(table, self._clock()))
        with self._database.read() as connection:
            return connection.scalars(statement.limit(_PAGE)).all()

    def _end_revocation(self, revocation_id: str) -> None:
        with begin(self._database, ACTOR, self._clock, self._metrics) as transaction:
            known = find_revocation(transaction.connection, revocation_id, hold=True)
            ended = dataclasses.replace(known, expires_at=transaction.now)
            transaction.update(token_revocations, columns_of_revocation(ended), Action.TOKENS_LIFTED)
