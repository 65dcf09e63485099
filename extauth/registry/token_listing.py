"""Reading revocations of tokens: one by its id or by what it revokes, or a list: newest first, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, or_, select, tuple_

from extauth.keys.digest import Pepper
from extauth.registry.errors import NotFoundError
from extauth.registry.fields import check_revocation_search
from extauth.registry.paging import cursor_of, position_of
from extauth.registry.rows import revocation_from
from extauth.registry.schema import token_revocations
from extauth.registry.token_revocation import KIND, TokenRevocation, Tokens, is_id


@dataclass(frozen=True, slots=True)
class RevocationPage:
    """Some revocations, and the cursor of the page after them, empty on the last one."""

    revocations: Sequence[TokenRevocation]
    next_cursor: str


def find_revocation(connection: Connection, revocation_id: str, *, hold: bool = False) -> TokenRevocation:
    """Read one revocation, and `hold` it until the transaction ends; NotFoundError."""
    if not is_id(revocation_id):
        raise NotFoundError(KIND)
    statement = select(token_revocations).where(token_revocations.c.id == revocation_id)
    row = connection.execute(statement.with_for_update() if hold else statement).mappings().one_or_none()
    if row is None:
        raise NotFoundError(KIND)
    return revocation_from(row)


def revocation_of(connection: Connection, tokens: Tokens, peppers: Sequence[Pepper]) -> TokenRevocation | None:
    """The revocation of these tokens, lifted or not; None when they were never revoked."""
    row = connection.execute(select(token_revocations).where(_are(tokens, peppers))).mappings().first()
    return None if row is None else revocation_from(row)


def find_revocations(connection: Connection, issuer: str, limit: int, cursor: str) -> RevocationPage:
    """At most `limit` revocations from `cursor` on, of one issuer or, with an empty text, of all; InvalidError."""
    check_revocation_search(issuer, limit)
    created_at, row_id = token_revocations.c.created_at, token_revocations.c.id
    statement = select(token_revocations).order_by(created_at.desc(), row_id.desc())
    if issuer:
        statement = statement.where(token_revocations.c.issuer == issuer)
    if cursor:
        statement = statement.where(tuple_(created_at, row_id) < tuple_(*position_of(cursor)))
    rows = connection.execute(statement.limit(limit + 1)).mappings().all()  # one more tells that a page follows
    found = [revocation_from(row) for row in rows[:limit]]
    return RevocationPage(found, cursor_of(found[-1].created_at, found[-1].id) if len(rows) > limit else "")


def _are(tokens: Tokens, peppers: Sequence[Pepper]) -> ColumnElement[bool]:
    """Under any pepper: one that came in later must not make a second row, which could contradict the first."""
    columns = token_revocations.c
    return or_(
        *(and_(columns.pepper_id == pepper.id, columns.digest == pepper.digest(tokens.mark)) for pepper in peppers)
    )
