"""How a change of a tenant or plan reaches the keys it concerns: each of them gets a new revision, and so is published.

A plan may have a million keys, and one transaction of them all would keep every other writer out for a minute. So the
change and up to BATCH keys are one transaction, and what is left is a row of `propagations` that says how far it has
come; the propagator goes on from there, batch by batch, in whichever process has its turn, also after a crash.

A key that is read meanwhile has the new terms with its old revision. That does no harm: it will get a new one.
"""

from typing import Any, Literal

from sqlalchemy import Row, case, delete, func, insert, literal, or_, select, tuple_, update

from extauth.registry.schema import keys, propagations, tenants
from extauth.registry.transaction import Action, Transaction

Kind = Literal["tenant", "plan"]

BATCH = 500
"""Keys in one transaction, in which no other is written: some 100 ms, for the sake of a dozen indexes."""
_COLUMNS = {"tenant": keys.c.tenant, "plan": keys.c.plan}
_START = {"after_created_at": -1, "after_key_id": ""}
_URGENT = case((propagations.c.action == Action.TENANT_SUSPENDED, 0), else_=1)


def start(transaction: Transaction, kind: Kind, name: str, action: Action) -> None:
    """Tell all keys of this tenant, or that name this plan: the first of them at once, the others later.

    One that is under way for the same begins anew.
    """
    transaction.connection.execute(delete(propagations).where(_is(kind, name)))
    row = {"kind": kind, "name": name, **_facts(transaction, action), **_START}
    transaction.connection.execute(insert(propagations).values(row))
    job = transaction.connection.execute(select(propagations).where(_is(kind, name))).one()
    _advance(transaction, job, BATCH)


def start_for_tenants_of(transaction: Transaction, plan: str, action: Action) -> None:
    """Tell the keys of all tenants on this plan."""
    concerned = select(tenants.c.id).where(tenants.c.plan == plan)
    of_them = propagations.c.name.in_(concerned)
    transaction.connection.execute(delete(propagations).where(propagations.c.kind == "tenant", of_them))
    facts = {"kind": "tenant", **_facts(transaction, action), **_START}
    rows = select(tenants.c.id, *(literal(value) for value in facts.values())).where(tenants.c.plan == plan)
    transaction.connection.execute(insert(propagations).from_select(["name", *facts], rows))


def advance(transaction: Transaction) -> bool:
    """Tell up to BATCH keys of what is under way, suspensions first; False when there is nothing."""
    budget = BATCH
    oldest = select(propagations).order_by(_URGENT, propagations.c.started_at, propagations.c.kind, propagations.c.name)
    while budget > 0 and (job := transaction.connection.execute(oldest.limit(1)).one_or_none()) is not None:
        budget -= 1 + _advance(transaction.on_behalf_of(job.actor), job, budget)  # one without keys costs its part too
    return budget < BATCH


def _advance(transaction: Transaction, job: Row[Any], limit: int) -> int:
    """Tell the next keys of a job; returns how many. Only those that work: others are told when they are enabled."""
    place = tuple_(keys.c.created_at, keys.c.id)
    statement = (
        select(keys.c.created_at, keys.c.id)
        .where(_COLUMNS[job.kind] == job.name, place > tuple_(job.after_created_at, job.after_key_id))
        .where(keys.c.status == "active", or_(keys.c.expires_at.is_(None), keys.c.expires_at > transaction.now))
        .order_by(keys.c.created_at, keys.c.id)
        .limit(limit)
    )
    found = transaction.connection.execute(statement).all()
    transaction.touch([row.id for row in found], Action(job.action))
    if len(found) < limit:
        transaction.connection.execute(delete(propagations).where(_is(job.kind, job.name)))
    else:
        last = {"after_created_at": found[-1].created_at, "after_key_id": found[-1].id}
        transaction.connection.execute(update(propagations).where(_is(job.kind, job.name)).values(last))
    return len(found)


def waiting() -> Any:  # noqa: ANN401 (a statement)
    """How many tenants and plans have keys that have yet to be told."""
    return select(func.count()).select_from(propagations)


def _is(kind: str, name: str) -> Any:  # noqa: ANN401 (a condition)
    return (propagations.c.kind == kind) & (propagations.c.name == name)


def _facts(transaction: Transaction, action: Action) -> dict[str, Any]:
    return {"action": action.value, "actor": transaction.actor, "started_at": transaction.now}
