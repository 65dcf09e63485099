"""Reading plans: one by its name, or a list in order of name, page by page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, exists, or_, select

from extauth.registry.errors import NotFoundError
from extauth.registry.fields import check_search
from extauth.registry.limits import limits_column, limits_from
from extauth.registry.paging import decode, encode, strange_cursor
from extauth.registry.plan import KIND, Plan
from extauth.registry.rules import is_slug
from extauth.registry.schema import plans, propagations


@dataclass(frozen=True, slots=True)
class PlanPage:
    """Some plans, and the cursor of the page after them, empty on the last one."""

    items: Sequence[Plan]
    next_cursor: str


def read_plan(connection: Connection, name: str) -> Plan | None:
    """None when there is no such plan."""
    row = connection.execute(_select().where(plans.c.name == name)).mappings().one_or_none()
    return None if row is None else plan_from(row)


def show_plan(connection: Connection, name: str) -> Plan:
    """NotFoundError."""
    plan = read_plan(connection, name) if is_slug(name) else None
    if plan is None:
        raise NotFoundError(KIND)
    return plan


def find_plans(connection: Connection, text: str, limit: int, cursor: str) -> PlanPage:
    """At most `limit` plans from `cursor` on; `text` is part of a name or description, in any case. InvalidError."""
    check_search(limit, text=text)
    statement = _select().order_by(plans.c.name).limit(limit + 1)
    if text:
        found = [column.icontains(text, autoescape=True) for column in (plans.c.name, plans.c.description)]
        statement = statement.where(or_(*found))
    if cursor:
        statement = statement.where(plans.c.name > _position(cursor))
    rows = connection.execute(statement).mappings().all()  # one more tells that a page follows
    items = [plan_from(row) for row in rows[:limit]]
    return PlanPage(items, encode(items[-1].name) if len(rows) > limit else "")


def plan_from(row: RowMapping) -> Plan:
    return Plan(
        name=row["name"],
        description=row["description"],
        limits=limits_from(row["limits"]),
        scopes=tuple(row["scopes"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        revision=row["revision"],
        propagating=row["propagating"],
    )


def columns_of_plan(plan: Plan) -> Mapping[str, Any]:
    return {
        "name": plan.name,
        "description": plan.description,
        "limits": limits_column(plan.limits),
        "scopes": list(plan.scopes),
        "created_at": plan.created_at,
        "updated_at": plan.updated_at,
        "revision": plan.revision,
    }


def _select() -> Select[*tuple[object, ...]]:
    under_way = exists().where(propagations.c.kind == "plan", propagations.c.name == plans.c.name)
    return select(plans, under_way.label("propagating"))


def _position(cursor: str) -> str:
    name = decode(cursor)
    if not is_slug(name):
        raise strange_cursor()
    return name
