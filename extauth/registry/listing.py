"""Reading keys for people: one by its id, or a list: filtered, sorted, page by page."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping

from extauth.keys.token import BASE62, KEY_ID_LENGTH
from extauth.registry.errors import NotFoundError
from extauth.registry.fields import check_search
from extauth.registry.filtering import Filter, conditions
from extauth.registry.key import Key
from extauth.registry.rows import key_from
from extauth.registry.schema import keys
from extauth.registry.sorting import Order
from extauth.registry.terms import select_keys

_KEY_ID = re.compile(rf"[{BASE62}]{{{KEY_ID_LENGTH}}}")
NEWEST_FIRST = Order()


@dataclass(frozen=True, slots=True)
class Page:
    """Some keys, and the cursor of the page after them, empty on the last one."""

    keys: Sequence[Key]
    next_cursor: str


def find_key(connection: Connection, key_id: str, *, hold: bool = False) -> Key:
    """Read one key, and `hold` it until the transaction ends; NotFoundError."""
    if not _KEY_ID.fullmatch(key_id):
        raise NotFoundError
    statement = select_keys().where(keys.c.id == key_id)
    row = connection.execute(statement.with_for_update(of=keys) if hold else statement).mappings().one_or_none()
    if row is None:
        raise NotFoundError
    return key_from(row)


def find(connection: Connection, wanted: Filter, *, limit: int, cursor: str, order: Order, now: int) -> Page:
    """At most `limit` keys from `cursor` on, as they are at `now` (Unix milliseconds); InvalidError."""
    check_search(limit, text=wanted.text, tenant=wanted.tenant, plan=wanted.plan, scope=wanted.scope)
    rows: list[RowMapping] = []
    for section in order.sections(cursor):
        filters = conditions(wanted, order, section, now, connection.dialect.name)
        statement = select_keys().where(*filters, *section.conditions).order_by(*section.order)
        rows += connection.execute(statement.limit(limit + 1 - len(rows))).mappings()
        if len(rows) > limit:  # one more tells that a page follows
            break
    found = [key_from(row) for row in rows[:limit]]
    return Page(found, order.cursor(rows[limit - 1]) if len(rows) > limit else "")
