"""Reading keys for people: one by its id, or a list: filtered, sorted, page by page."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, RowMapping, Text, and_, cast, func, or_, select

from extauth.keys.token import BASE62, KEY_ID_LENGTH
from extauth.registry.errors import NotFoundError
from extauth.registry.fields import check_search
from extauth.registry.key import Key, State
from extauth.registry.rows import key_from
from extauth.registry.schema import keys, tenants
from extauth.registry.sorting import Order
from extauth.registry.tenant import TenantStatus
from extauth.registry.terms import select_keys

_KEY_ID = re.compile(rf"[{BASE62}]{{{KEY_ID_LENGTH}}}")
NEWEST_FIRST = Order()
_PLACE_OF = {"sqlite": func.instr, "postgresql": func.strpos}
"""Where a text stands in another, from 1 on; LIKE would not tell capitals apart on SQLite."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which keys are wanted; None or an empty text for any. Times are Unix milliseconds."""

    tenant: str = ""
    state: State | None = None
    plan: str = ""
    """Its own or its tenant's."""
    scope: str = ""
    text: str = ""
    """Part of a name or of who made it, or the beginning of a key id, upper or lower case."""
    expires_before: int | None = None
    unused_since: int | None = None
    """Keys that are older than that and have not been used from then on."""


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
    conditions = _conditions(wanted, now, connection.dialect.name)
    rows: list[RowMapping] = []
    for section in order.sections(cursor):
        statement = select_keys().where(*conditions, *section.conditions).order_by(*section.order)
        rows += connection.execute(statement.limit(limit + 1 - len(rows))).mappings()
        if len(rows) > limit:  # one more tells that a page follows
            break
    found = [key_from(row) for row in rows[:limit]]
    return Page(found, order.cursor(rows[limit - 1]) if len(rows) > limit else "")


def _conditions(wanted: Filter, now: int, dialect: str) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.tenant:
        conditions.append(keys.c.tenant == wanted.tenant)
    if wanted.plan:
        on_it = keys.c.tenant.in_(select(tenants.c.id).where(tenants.c.plan == wanted.plan))
        conditions.append(or_(keys.c.plan == wanted.plan, and_(keys.c.plan == "", on_it)))
    if wanted.scope:  # scopes have no character that JSON writes in another way
        conditions.append(_PLACE_OF[dialect](cast(keys.c.scopes, Text), f'"{wanted.scope}"') > 0)
    if wanted.text:
        named = [column.icontains(wanted.text, autoescape=True) for column in (keys.c.name, keys.c.created_by)]
        conditions.append(or_(*named, keys.c.id.istartswith(wanted.text, autoescape=True)))
    if wanted.state is not None:
        conditions.append(_in_state(wanted.state, now))
    if wanted.expires_before is not None:
        conditions.append(keys.c.expires_at < wanted.expires_before)
    if wanted.unused_since is not None:
        conditions.append(keys.c.created_at < wanted.unused_since)
        conditions.append(or_(keys.c.last_used_at.is_(None), keys.c.last_used_at < wanted.unused_since))
    return conditions


def _in_state(state: State, now: int) -> ColumnElement[bool]:
    """Key.state, said in SQL."""
    status = keys.c.status
    expired = and_(keys.c.expires_at.is_not(None), keys.c.expires_at <= now)
    alive = or_(keys.c.expires_at.is_(None), keys.c.expires_at > now)
    pending = and_(keys.c.not_before.is_not(None), keys.c.not_before > now)
    begun = or_(keys.c.not_before.is_(None), keys.c.not_before <= now)
    suspended = select(tenants.c.id).where(tenants.c.status == TenantStatus.SUSPENDED)
    honoured = keys.c.tenant.not_in(suspended)
    return {
        State.REVOKED: status == "revoked",
        State.EXPIRED: and_(status != "revoked", expired),
        State.DISABLED: and_(status == "disabled", alive),
        State.SUSPENDED: and_(status == "active", alive, keys.c.tenant.in_(suspended)),
        State.PENDING: and_(status == "active", alive, honoured, pending),
        State.ACTIVE: and_(status == "active", alive, honoured, begun),
    }[state]
