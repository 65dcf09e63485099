"""Admin tokens in the database: reading and writing their rows."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, or_, select, tuple_

from extauth.keys.digest import Pepper
from extauth.keys.token import BASE62, KEY_ID_LENGTH
from extauth.registry.admin_schema import admin_tokens
from extauth.registry.admin_token import KIND, AdminToken
from extauth.registry.errors import NotFoundError
from extauth.registry.identity import Role
from extauth.registry.paging import cursor_of, position_of

_ID = re.compile(rf"[{BASE62}]{{{KEY_ID_LENGTH}}}")


@dataclass(frozen=True, slots=True)
class AdminTokenPage:
    """Some tokens, and the cursor of the page after them, empty on the last one."""

    tokens: Sequence[AdminToken]
    next_cursor: str


def columns_of(token: AdminToken) -> Mapping[str, Any]:
    """All but the digest."""
    return {
        "id": token.id,
        "pepper_id": token.pepper_id,
        "name": token.name,
        "role": token.role.value,
        "tenant": token.tenant,
        "created_by": token.created_by,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "last_used_at": token.last_used_at,
        "revoked_at": token.revoked_at,
        "revoked_reason": token.revoked_reason,
        "rotated_from": token.rotated_from,
        "rotated_to": token.rotated_to,
    }


def find_token(connection: Connection, token_id: str, *, hold: bool = False) -> AdminToken:
    """Read one token, and `hold` it until the transaction ends; NotFoundError."""
    if not _ID.fullmatch(token_id):
        raise NotFoundError(KIND)
    statement = select(admin_tokens).where(admin_tokens.c.id == token_id)
    row = connection.execute(statement.with_for_update() if hold else statement).mappings().one_or_none()
    if row is None:
        raise NotFoundError(KIND)
    return _token_from(row)


def token_of(connection: Connection, secret: str, peppers: Sequence[Pepper]) -> AdminToken | None:
    """The token with this text, found by its digest under any of the peppers."""
    columns = admin_tokens.c
    digests = (and_(columns.pepper_id == pepper.id, columns.digest == pepper.digest(secret)) for pepper in peppers)
    row = connection.execute(select(admin_tokens).where(or_(*digests))).mappings().one_or_none()
    return None if row is None else _token_from(row)


def find_tokens(connection: Connection, tenant: str, limit: int, cursor: str) -> AdminTokenPage:
    """At most `limit` tokens from `cursor` on, newest first, of one tenant or (empty) all; InvalidError."""
    columns = admin_tokens.c
    statement = select(admin_tokens).order_by(columns.created_at.desc(), columns.id.desc())
    if tenant:
        statement = statement.where(columns.tenant == tenant)
    if cursor:
        statement = statement.where(tuple_(columns.created_at, columns.id) < tuple_(*position_of(cursor)))
    rows = connection.execute(statement.limit(limit + 1)).mappings().all()  # one more tells that a page follows
    found = [_token_from(row) for row in rows[:limit]]
    return AdminTokenPage(found, cursor_of(found[-1].created_at, found[-1].id) if len(rows) > limit else "")


def has_owner(connection: Connection, now: int) -> bool:
    """Whether somebody with a token may do everything at `now` (Unix milliseconds)."""
    columns = admin_tokens.c
    statement = select(columns.id).where(
        columns.role == Role.OWNER.value,
        columns.tenant.is_(None),
        columns.revoked_at.is_(None),
        or_(columns.expires_at.is_(None), columns.expires_at > now),
    )
    return connection.execute(statement.limit(1)).one_or_none() is not None


def _token_from(row: RowMapping) -> AdminToken:
    return AdminToken(
        id=row["id"],
        pepper_id=row["pepper_id"],
        name=row["name"],
        role=Role(row["role"]),
        tenant=row["tenant"],
        created_by=row["created_by"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        last_used_at=row["last_used_at"],
        revoked_at=row["revoked_at"],
        revoked_reason=row["revoked_reason"],
        rotated_from=row["rotated_from"],
        rotated_to=row["rotated_to"],
    )
