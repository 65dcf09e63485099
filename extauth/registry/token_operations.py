"""TokenRegistry: revoking bearer tokens that others issued, lifting that, and the reading of it by people."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

from extauth.keys.digest import Pepper
from extauth.registry import fields, times
from extauth.registry.database import Database
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.rows import columns_of_revocation
from extauth.registry.schema import token_revocations
from extauth.registry.token_listing import RevocationPage, find_revocation, find_revocations, revocation_of
from extauth.registry.token_revocation import TokenRevocation, Tokens, lift, new_id, revoke_again
from extauth.registry.transaction import Action, Transaction, begin


class Revoked(NamedTuple):
    """A revocation that holds, and whether it is a new one."""

    revocation: TokenRevocation
    is_new: bool


class TokenRegistry:
    """The operations. Each may raise UnavailableError, and those on one revocation NotFoundError.

    `actor` is who asks, for the `changes` table. Times are Unix milliseconds, `clock` returns the present one.
    """

    def __init__(
        self,
        database: Database,
        peppers: Sequence[Pepper],
        metrics: RegistryMetrics,
        clock: Callable[[], int] = times.now,
    ) -> None:
        self._database = database
        self._peppers = peppers
        self._metrics = metrics
        self._clock = clock

    def revoke_tokens(self, tokens: Tokens, reason: str, until: int | None, actor: str) -> Revoked:
        """Refuse these tokens from now on; InvalidError. What is revoked stays so, what was lifted is revoked again.

        `until` is when all of them will have expired, None when nobody knows.
        """
        now = self._clock()
        fields.check_token_revocation(tokens, reason, until, now)
        with self._database.write() as connection:
            transaction = Transaction(connection, actor, now)
            transaction.wait_for_turn()
            known = revocation_of(connection, tokens, self._peppers)
            if known is None:
                revocation = self._add(transaction, tokens, reason, until)
            else:
                revocation = revoke_again(known, reason, until)
                if revocation == known:
                    return Revoked(known, is_new=False)
                revocation = _save(transaction, revocation, Action.TOKENS_REVOKED)
        self._metrics.changes.labels(Action.TOKENS_REVOKED).inc()
        return Revoked(revocation, is_new=known is None)

    def revoke_again(self, revocation_id: str, reason: str, actor: str) -> TokenRevocation:
        """Refuse the tokens of a revocation that was lifted, for as long as it was to last."""
        with begin(self._database, actor, self._clock, self._metrics) as transaction:
            known = find_revocation(transaction.connection, revocation_id, hold=True)
            revoked = revoke_again(known, reason, known.expires_at)
            return known if revoked == known else _save(transaction, revoked, Action.TOKENS_REVOKED)

    def lift(self, revocation_id: str, actor: str) -> TokenRevocation:
        """Honour the tokens of a subject again; ConflictError for a single token."""
        with self._database.write() as connection:
            known = find_revocation(connection, revocation_id, hold=True)
            lifted = lift(known)
            if lifted == known:
                return known
            saved = _save(Transaction(connection, actor, self._clock()), lifted, Action.TOKENS_LIFTED)
        self._metrics.changes.labels(Action.TOKENS_LIFTED).inc()
        return saved

    def show(self, revocation_id: str) -> TokenRevocation:
        with self._database.read() as connection:
            return find_revocation(connection, revocation_id)

    def show_for(self, tokens: Tokens) -> TokenRevocation | None:
        """The revocation of these tokens, lifted or not; None when they were never revoked. InvalidError."""
        fields.check_tokens(tokens)
        with self._database.read() as connection:
            return revocation_of(connection, tokens, self._peppers)

    def find(self, issuer: str, limit: int, cursor: str = "") -> RevocationPage:
        """At most `limit` (1 to 500) revocations, of one issuer or (empty) of all, newest first; InvalidError."""
        with self._database.read() as connection:
            return find_revocations(connection, issuer, limit, cursor)

    def _add(self, transaction: Transaction, tokens: Tokens, reason: str, until: int | None) -> TokenRevocation:
        pepper = self._peppers[0]
        revocation = TokenRevocation(
            id=new_id(),
            issuer=tokens.issuer,
            claim=tokens.claim,
            pepper_id=pepper.id,
            reason=reason,
            created_by=transaction.actor,
            created_at=transaction.now,
            expires_at=until,
        )
        row = {**columns_of_revocation(revocation), "digest": pepper.digest(tokens.mark)}
        revision = transaction.insert(token_revocations, row, Action.TOKENS_REVOKED)
        return dataclasses.replace(revocation, revision=revision)


def _save(transaction: Transaction, revocation: TokenRevocation, action: Action) -> TokenRevocation:
    revision = transaction.update(token_revocations, columns_of_revocation(revocation), action)
    return dataclasses.replace(revocation, revision=revision)
