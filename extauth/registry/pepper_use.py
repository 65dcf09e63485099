"""What is in force under each pepper: whether one may be taken out of the settings, or is missing there.

A digest cannot be brought under another pepper without what it is a digest of, which nobody keeps: it ends, by itself
or by rotation, and its pepper is needed until then.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Column, ColumnElement, Connection, Table, and_, func, or_, select

from extauth.registry.admin_schema import admin_tokens
from extauth.registry.errors import RegistryError
from extauth.registry.schema import keys, token_revocations
from extauth.registry.token_revocation import RevocationStatus


@dataclass(frozen=True, slots=True)
class PepperUse:
    """How much is in force under a pepper. Times are Unix milliseconds."""

    id: str
    keys: int
    """Not revoked or expired; keys that are switched off too, since they may be switched on."""
    keys_last_used_at: int | None
    """The latest use of any of them."""
    admin_tokens: int
    revocations: int
    """Of bearer tokens: without its pepper a revocation is not found, and the tokens work again."""

    @property
    def is_needed(self) -> bool:
        return self.keys + self.admin_tokens + self.revocations > 0


class MissingPepperError(RegistryError):
    """Something in force is under a pepper that the settings do not have."""


def uses(connection: Connection, now: int) -> Sequence[PepperUse]:
    """Of all peppers that anything was ever made under, in order of their ids."""
    return [_use(connection, pepper_id, now) for pepper_id in _ids(connection)]


def check_peppers(connection: Connection, configured: Collection[str], now: int) -> None:
    """MissingPepperError when something in force is under another pepper. Quick, also with a million keys."""
    missing = [
        pepper_id
        for pepper_id in _ids(connection)
        if pepper_id not in configured and any(_is_used(connection, table, pepper_id, now) for table in _tables(now))
    ]
    if missing:
        names = ", ".join(missing)
        raise MissingPepperError(
            f"keys, admin tokens or revocations in force are under pepper {names}, which keys.peppers does not have: "
            f"add it; or, if it is lost, end them with `extauth registry retire-pepper`"
        )


def in_force(table: Table, now: int) -> ColumnElement[bool]:
    """Whether a row of keys, admin_tokens or token_revocations still says anything."""
    return _tables(now)[table]


def _tables(now: int) -> Mapping[Table, ColumnElement[bool]]:
    return {
        keys: and_(keys.c.status != "revoked", _not_over(keys.c.expires_at, now)),
        admin_tokens: and_(admin_tokens.c.revoked_at.is_(None), _not_over(admin_tokens.c.expires_at, now)),
        token_revocations: and_(
            token_revocations.c.status == RevocationStatus.REVOKED.value,
            _not_over(token_revocations.c.expires_at, now),
        ),
    }


def _not_over(expires_at: Column[int], now: int) -> ColumnElement[bool]:
    return or_(expires_at.is_(None), expires_at > now)


def _ids(connection: Connection) -> Sequence[str]:
    return sorted({pepper_id for table in _tables(0) for pepper_id in _ids_in(connection, table)})


def _ids_in(connection: Connection, table: Table) -> Iterator[str]:
    """From one to the next along the index of digests, which begins with them: no row but these is read."""
    last = ""
    while True:
        following = select(func.min(table.c.pepper_id)).where(table.c.pepper_id > last)
        found: str | None = connection.execute(following).scalar()
        if found is None:
            return
        yield found
        last = found


def _is_used(connection: Connection, table: Table, pepper_id: str, now: int) -> bool:
    statement = select(table.c.id).where(table.c.pepper_id == pepper_id, in_force(table, now))
    return connection.execute(statement.limit(1)).one_or_none() is not None


def _use(connection: Connection, pepper_id: str, now: int) -> PepperUse:
    counts = {}
    for table, condition in _tables(now).items():
        count = select(func.count()).where(table.c.pepper_id == pepper_id, condition)
        counts[table] = connection.execute(count).scalar_one()
    last = select(func.max(keys.c.last_used_at)).where(keys.c.pepper_id == pepper_id, in_force(keys, now))
    return PepperUse(
        pepper_id,
        counts[keys],
        connection.execute(last).scalar(),
        counts[admin_tokens],
        counts[token_revocations],
    )
