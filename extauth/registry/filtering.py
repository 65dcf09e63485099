"""Which keys are wanted, said in SQL so that a page is found soon among a million keys.

A list is a walk along the index of its order that ends when the page is full. PostgreSQL knows from its statistics
when another index leads to less work. SQLite has none: it takes any index that a filter would fit, and sorts all that
it finds, be it half of the table. So filters are hidden from it, but for those that leave little.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Column, ColumnElement, Text, and_, cast, func, literal_column, or_, select

from extauth.registry.key import State
from extauth.registry.schema import keys, tenants
from extauth.registry.sorting import Order, Section
from extauth.registry.tenant import TenantStatus

_PLACE_OF = {"sqlite": func.instr, "postgresql": func.strpos}
"""Where a text stands in another, from 1 on; LIKE would not tell capitals apart on SQLite."""
_Look = Callable[[Column[object]], ColumnElement[object]]


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
    pepper: str = ""
    """The id of the one that their digests are under."""


def conditions(wanted: Filter, order: Order, section: Section, now: int, dialect: str) -> list[ColumnElement[bool]]:
    """For the rows of one section of a list; `dialect` is the name of the database's."""

    def look(column: Column[object]) -> ColumnElement[object]:
        hidden = dialect == "sqlite" and column is not order.column
        return literal_column(f"+{column}", column.type) if hidden else column

    found: list[ColumnElement[bool]] = []
    if wanted.tenant:
        found.append(keys.c.tenant == wanted.tenant)
    if wanted.plan:
        on_it = select(tenants.c.id).where(tenants.c.plan == wanted.plan)
        by_tenant = and_(look(keys.c.plan) == "", look(keys.c.tenant).in_(on_it))
        found.append(or_(look(keys.c.plan) == wanted.plan, by_tenant))
    if wanted.pepper:
        found.append(look(keys.c.pepper_id) == wanted.pepper)
    if wanted.scope:  # scopes have no character that JSON writes in another way
        found.append(_PLACE_OF[dialect](cast(keys.c.scopes, Text), f'"{wanted.scope}"') > 0)
    if wanted.text:
        named = [column.icontains(wanted.text, autoescape=True) for column in (keys.c.name, keys.c.created_by)]
        found.append(or_(*named, keys.c.id.istartswith(wanted.text, autoescape=True)))
    if wanted.state is not None:
        found.append(_in_state(wanted, order, section, now, look))
    if wanted.expires_before is not None:
        found.append(look(keys.c.expires_at) < wanted.expires_before)
    if wanted.unused_since is not None:
        found.append(look(keys.c.created_at) < wanted.unused_since)
        used = look(keys.c.last_used_at)
        found.append(or_(used.is_(None), used < wanted.unused_since))
    return found


def _in_state(wanted: Filter, order: Order, section: Section, now: int, look: _Look) -> ColumnElement[bool]:
    """Key.state, said in SQL."""
    expires_at, not_before = look(keys.c.expires_at), look(keys.c.not_before)
    # Their index has the order of creation; a tenant's own is better still.
    status = keys.c.status if order.column is keys.c.created_at and not wanted.tenant else look(keys.c.status)
    expired = expires_at <= now  # NULL is not
    alive = expires_at > now
    if wanted.expires_before is None and not (order.column is keys.c.expires_at and section.has_value):
        alive = or_(expires_at.is_(None), alive)
    suspended = select(tenants.c.id).where(tenants.c.status == TenantStatus.SUSPENDED)
    honoured = keys.c.tenant.not_in(suspended)
    begun = or_(not_before.is_(None), not_before <= now)
    return {
        State.REVOKED: status == "revoked",
        State.EXPIRED: and_(look(keys.c.status) != "revoked", expired),
        State.DISABLED: and_(status == "disabled", alive),
        State.SUSPENDED: and_(look(keys.c.status) == "active", alive, look(keys.c.tenant).in_(suspended)),
        State.PENDING: and_(look(keys.c.status) == "active", alive, honoured, not_before > now),
        State.ACTIVE: and_(look(keys.c.status) == "active", alive, honoured, begun),
    }[wanted.state or State.ACTIVE]
