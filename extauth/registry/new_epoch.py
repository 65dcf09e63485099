"""A new epoch: what an operator begins after the database was restored from a backup, or lost its last changes.

Redis then knows later states than the registry, and of the same revisions. In the new epoch the registry's states are
the newer ones. But what has been refused stays refused: keys that Redis has as revoked, disabled or expired, and tokens
that it has as revoked, are made so in the database before the epoch begins. All else is as in the backup.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial

from sqlalchemy import select, update

from extauth.keys.record import KeyRecord, Status
from extauth.registry import times, token_revocation
from extauth.registry.audit import Target
from extauth.registry.database import Database
from extauth.registry.errors import ConflictError
from extauth.registry.history import History
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.operations import KeyRegistry
from extauth.registry.schema import registry
from extauth.registry.token_operations import TokenRegistry
from extauth.registry.transaction import Action, begin

ACTOR = "extauth registry new-epoch"
"""For the audit trail."""
_REASON = "after the backup that the registry was restored from"


class Finding(StrEnum):
    """What Redis knows and the registry does not."""

    REVOKED = "revoked"
    DISABLED = "disabled"
    EXPIRED = "expired"
    TOKENS_REVOKED = "tokens_revoked"
    """A subject's revocation that is lifted in the backup."""
    SET_BACK = "set_back"
    """A key with another change, which is undone."""
    UNKNOWN = "unknown"
    """A key that the registry does not have: it will be removed from Redis."""
    UNKNOWN_TOKENS = "unknown_tokens"
    """A revocation that the registry does not have: it stays in Redis, and only there."""


@dataclass(frozen=True, slots=True)
class Findings:
    """Ids of keys and revocations, by what was found."""

    ids: dict[Finding, set[str]] = field(default_factory=lambda: {finding: set() for finding in Finding})


class NewEpoch:
    """`look`, then `begin`. Both may raise UnavailableError. `clock` returns Unix milliseconds."""

    def __init__(
        self,
        database: Database,
        keys: KeyRegistry,
        tokens: TokenRegistry,
        metrics: RegistryMetrics,
        clock: Callable[[], int] = times.now,
    ) -> None:
        self._database = database
        self._history = History(database)
        self._keys = keys
        self._tokens = tokens
        self._metrics = metrics
        self._clock = clock

    def look(self, pages: Iterable[Sequence[KeyRecord]]) -> Findings:
        """Compare what Redis has, in pages, with the registry."""
        findings, now = Findings(), self._clock()
        for page in pages:
            own = self._history.records_of([record.key_id for record in page])
            for record in page:
                finding = _compare(record, own.get(record.key_id), now)
                if finding is not None:
                    findings.ids[finding].add(record.key_id)
        return findings

    def begin(self, findings: Findings, published_epoch: int) -> int:
        """Refuse what Redis refuses, then begin an epoch after the registry's own and the one that is published.

        Returns the new epoch. After a failure it may be called again.
        """
        refuse: dict[Finding, Callable[[str], object]] = {
            Finding.REVOKED: partial(self._keys.revoke, reason=_REASON, actor=ACTOR),
            Finding.DISABLED: partial(self._keys.disable, actor=ACTOR),
            Finding.EXPIRED: partial(self._keys.expire, at=None, actor=ACTOR),
            Finding.TOKENS_REVOKED: partial(self._tokens.revoke_again, reason=_REASON, actor=ACTOR),
        }
        for finding, act in refuse.items():
            for one in sorted(findings.ids[finding]):
                _unless_revoked(partial(act, one))
        with begin(self._database, ACTOR, self._clock, self._metrics) as transaction:
            before = transaction.connection.execute(select(registry.c.epoch)).scalar_one()
            epoch: int = max(before, published_epoch) + 1
            transaction.connection.execute(update(registry).values(epoch=epoch))
            transaction.record(Target("registry", "epoch"), {"epoch": before}, {"epoch": epoch}, Action.EPOCH_BEGUN)
        return epoch


def _compare(found: KeyRecord, own: KeyRecord | None, now: int) -> Finding | None:
    """None when the registry knows it, or knows better."""
    of_tokens, refused = token_revocation.is_id(found.key_id), found.status is Status.REVOKED
    if own is None or own.digest != found.digest:
        if of_tokens:
            return Finding.UNKNOWN_TOKENS if refused else None
        return None if refused else Finding.UNKNOWN
    if of_tokens:
        newer = found.version > own.version
        return Finding.TOKENS_REVOKED if refused and own.status is Status.ACTIVE and newer else None
    if own.status is Status.REVOKED:
        return None
    return Finding.REVOKED if refused else _compare_keys(found, own, now)


def _compare_keys(found: KeyRecord, own: KeyRecord, now: int) -> Finding | None:
    """Of a key that neither has as revoked."""
    if found.version <= own.version:
        return None
    if found.status is Status.DISABLED and own.status is Status.ACTIVE:
        return Finding.DISABLED
    if _has_expired(found, now) and not _has_expired(own, now):
        return Finding.EXPIRED
    return None if replace(found, version=own.version) == own else Finding.SET_BACK


def _has_expired(record: KeyRecord, now: int) -> bool:
    return 0 < record.expires_at <= now


def _unless_revoked(act: Callable[[], object]) -> None:
    try:
        act()
    except ConflictError:
        return  # revoked or expired meanwhile: that is refused too
