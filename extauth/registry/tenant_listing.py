"""Reading tenants: one by its id, or a list in order of id, page by page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, exists, or_, select

from extauth.registry.errors import NotFoundError
from extauth.registry.fields import check_search
from extauth.registry.limits import limits_column, limits_from
from extauth.registry.paging import decode, encode, strange_cursor
from extauth.registry.rules import is_slug
from extauth.registry.schema import propagations, tenants
from extauth.registry.tenant import KIND, Tenant, TenantStatus


@dataclass(frozen=True, slots=True)
class TenantFilter:
    """Which tenants are wanted; None or an empty text for any. `text` is part of an id or name, in any case."""

    status: TenantStatus | None = None
    plan: str = ""
    text: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class TenantPage:
    """Some tenants, and the cursor of the page after them, empty on the last one."""

    items: Sequence[Tenant]
    next_cursor: str


def read_tenant(connection: Connection, tenant_id: str) -> Tenant:
    """NotFoundError."""
    if is_slug(tenant_id):
        row = connection.execute(_select().where(tenants.c.id == tenant_id)).mappings().one_or_none()
        if row is not None:
            return tenant_from(row)
    raise NotFoundError(KIND)


def find_tenants(connection: Connection, wanted: TenantFilter, limit: int, cursor: str) -> TenantPage:
    """At most `limit` tenants from `cursor` on; InvalidError."""
    check_search(limit, text=wanted.text, plan=wanted.plan)
    statement = _select().where(*_conditions(wanted)).order_by(tenants.c.id).limit(limit + 1)
    if cursor:
        statement = statement.where(tenants.c.id > _position(cursor))
    rows = connection.execute(statement).mappings().all()  # one more tells that a page follows
    found = [tenant_from(row) for row in rows[:limit]]
    return TenantPage(found, encode(found[-1].id) if len(rows) > limit else "")


def tenant_from(row: RowMapping) -> Tenant:
    return Tenant(
        id=row["id"],
        name=row["name"],
        plan=row["plan"],
        limits=limits_from(row["limits"]),
        metadata=MappingProxyType(row["metadata"]),
        status=TenantStatus(row["status"]),
        suspended_reason=row["suspended_reason"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        revision=row["revision"],
        propagating=row["propagating"],
    )


def columns_of_tenant(tenant: Tenant) -> Mapping[str, Any]:
    return {
        "id": tenant.id,
        "name": tenant.name,
        "plan": tenant.plan,
        "limits": limits_column(tenant.limits),
        "metadata": dict(tenant.metadata),
        "status": tenant.status.value,
        "suspended_reason": tenant.suspended_reason,
        "created_at": tenant.created_at,
        "updated_at": tenant.updated_at,
        "revision": tenant.revision,
    }


def _select() -> Select[*tuple[object, ...]]:
    under_way = exists().where(propagations.c.kind == "tenant", propagations.c.name == tenants.c.id)
    return select(tenants, under_way.label("propagating"))


def _conditions(wanted: TenantFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.id:
        conditions.append(tenants.c.id == wanted.id)
    if wanted.status is not None:
        conditions.append(tenants.c.status == wanted.status)
    if wanted.plan:
        conditions.append(tenants.c.plan == wanted.plan)
    if wanted.text:
        found = [column.icontains(wanted.text, autoescape=True) for column in (tenants.c.id, tenants.c.name)]
        conditions.append(or_(*found))
    return conditions


def _position(cursor: str) -> str:
    name = decode(cursor)
    if not is_slug(name):
        raise strange_cursor()
    return name
