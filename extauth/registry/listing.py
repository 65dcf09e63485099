"""Reading keys for people: one by its id, or a list: filtered, newest first, page by page."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, or_, select, tuple_

from extauth.keys.token import BASE62, KEY_ID_LENGTH
from extauth.registry.errors import NotFoundError
from extauth.registry.fields import check_search
from extauth.registry.key import Key, State
from extauth.registry.paging import cursor_of, position_of
from extauth.registry.rows import key_from
from extauth.registry.schema import keys

_KEY_ID = re.compile(rf"[{BASE62}]{{{KEY_ID_LENGTH}}}")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which keys are wanted; None or an empty text for any.

    `text` is part of a name or the beginning of a key id, upper or lower case.
    """

    tenant: str = ""
    state: State | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Some keys, and the cursor of the page after them, empty on the last one."""

    keys: Sequence[Key]
    next_cursor: str


def find_key(connection: Connection, key_id: str, *, hold: bool = False) -> Key:
    """Read one key, and `hold` it until the transaction ends; NotFoundError."""
    if not _KEY_ID.fullmatch(key_id):
        raise NotFoundError
    statement = select(keys).where(keys.c.id == key_id)
    row = connection.execute(statement.with_for_update() if hold else statement).mappings().one_or_none()
    if row is None:
        raise NotFoundError
    return key_from(row)


def find(connection: Connection, wanted: Filter, limit: int, cursor: str, now: int) -> Page:
    """At most `limit` keys from `cursor` on, as they are at `now` (Unix milliseconds); InvalidError."""
    check_search(wanted.tenant, wanted.text, limit)
    statement = select(keys).where(*_conditions(wanted, now)).order_by(keys.c.created_at.desc(), keys.c.id.desc())
    if cursor:
        statement = statement.where(tuple_(keys.c.created_at, keys.c.id) < tuple_(*position_of(cursor)))
    rows = connection.execute(statement.limit(limit + 1)).mappings().all()  # one more tells that a page follows
    found = [key_from(row) for row in rows[:limit]]
    return Page(found, cursor_of(found[-1].created_at, found[-1].id) if len(rows) > limit else "")


def _conditions(wanted: Filter, now: int) -> list[ColumnElement[bool]]:
    conditions = []
    if wanted.tenant:
        conditions.append(keys.c.tenant == wanted.tenant)
    if wanted.text:
        named = keys.c.name.icontains(wanted.text, autoescape=True)
        conditions.append(or_(named, keys.c.id.istartswith(wanted.text, autoescape=True)))
    if wanted.state is not None:
        conditions.append(_in_state(wanted.state, now))
    return conditions


def _in_state(state: State, now: int) -> ColumnElement[bool]:
    """Key.state, said in SQL."""
    status = keys.c.status
    expired = and_(keys.c.expires_at.is_not(None), keys.c.expires_at <= now)
    alive = or_(keys.c.expires_at.is_(None), keys.c.expires_at > now)
    pending = and_(keys.c.not_before.is_not(None), keys.c.not_before > now)
    begun = or_(keys.c.not_before.is_(None), keys.c.not_before <= now)
    return {
        State.REVOKED: status == "revoked",
        State.EXPIRED: and_(status != "revoked", expired),
        State.DISABLED: and_(status == "disabled", alive),
        State.PENDING: and_(status == "active", alive, pending),
        State.ACTIVE: and_(status == "active", alive, begun),
    }[state]
