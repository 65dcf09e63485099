"""One batch of an import: which of its rows become keys, and what is wrong with the others."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select, tuple_

from extauth.keys.digest import Pepper
from extauth.registry.belonging import plan_for
from extauth.registry.errors import FieldProblem
from extauth.registry.key import Key, NewKey
from extauth.registry.key_import import Row, RowProblem
from extauth.registry.rows import columns_of
from extauth.registry.schema import keys, plans, tenants
from extauth.registry.tenant import NewTenant, TenantStatus
from extauth.registry.tenant_listing import columns_of_tenant
from extauth.registry.tenants import add_tenants
from extauth.registry.transaction import Action, Transaction

_NOT_THERE = "is not there"
_SAME = tuple(one.name for one in dataclasses.fields(NewKey) if one.name != "scopes")
"""Fields of a key that are just as they are asked for."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A row with all that needs no database; `row` counts from 1 in the whole file."""

    row: int
    line: int
    problems: Sequence[FieldProblem]
    new: NewKey | None = None
    id: str = ""
    prefix: str = ""
    digests: Sequence[bytes] = field(default=(), repr=False)


def prepare(rows: Sequence[Row], peppers: Sequence[Pepper], position: int) -> list[Prepared]:
    """For the rows after `position`. Outside the transaction, since this takes most of the time."""
    return [_prepared(number, row, peppers) for number, row in enumerate(rows, position + 1)]


def _prepared(number: int, row: Row, peppers: Sequence[Pepper]) -> Prepared:
    key = row.key
    if key is None or row.problems:
        return Prepared(number, row.line, row.problems)
    return Prepared(number, row.line, (), key.new, key.id, key.prefix, key.digests(peppers))


def write(
    transaction: Transaction, batch: Sequence[Prepared], peppers: Sequence[Pepper], *, existing: bool
) -> list[RowProblem]:
    """Make keys of all rows that can be; what is wrong with the others. With `existing` no tenant or plan is made."""
    context = _Context(transaction, batch, peppers, existing=existing)
    found: list[RowProblem] = []
    good = []
    for one in batch:
        problems = one.problems or context.problems(one)
        found += [RowProblem(one.row, one.line, problem) for problem in problems]
        if not problems:
            good.append(one)
    context.make_tenants(good)
    transaction.insert_keys([context.columns(one, peppers[0].id) for one in good], Action.IMPORTED)
    return found


class _Context:
    """What the database has of a batch, read at once; and what the batch has added to it."""

    def __init__(
        self, transaction: Transaction, batch: Sequence[Prepared], peppers: Sequence[Pepper], *, existing: bool
    ) -> None:
        self._transaction = transaction
        self._existing = existing
        good = [one for one in batch if one.new is not None]
        connection = transaction.connection
        self._ids = _ids(connection, [one.id for one in good])
        self._digests = _digests(connection, good, peppers)
        self._tenants = _tenants(connection, {one.new.tenant for one in good if one.new is not None})
        named = {one.new.plan for one in good if one.new is not None} | {row["plan"] for row in self._tenants.values()}
        self._plans = _plans(connection, named - {""})

    def problems(self, one: Prepared) -> list[FieldProblem]:
        """Of a row that is good in itself; one without problems takes its place."""
        assert one.new is not None
        if one.digests[0] in self._digests or one.id in self._ids:
            return [FieldProblem("secret", "is that of a key that is here already", "leave the row out")]
        tenant = self._tenants.get(one.new.tenant)
        if tenant is not None and tenant["status"] == TenantStatus.SUSPENDED:
            return [FieldProblem("tenant", "is suspended", "resume it first")]
        if self._existing and tenant is None:
            return [FieldProblem("tenant", _NOT_THERE, "make it first, or name another")]
        if self._existing and one.new.plan and one.new.plan not in self._plans:
            return [FieldProblem("plan", _NOT_THERE, "make it first, or name another")]
        self._digests.add(one.digests[0])
        self._ids.add(one.id)
        return []

    def make_tenants(self, batch: Sequence[Prepared]) -> None:
        """Those that are not there."""
        missing = {one.new.tenant for one in batch if one.new is not None} - self._tenants.keys()
        made = add_tenants(self._transaction, [NewTenant(name) for name in sorted(missing)])
        self._tenants |= {tenant.id: columns_of_tenant(tenant) for tenant in made}

    def columns(self, one: Prepared, pepper_id: str) -> dict[str, object]:
        """The row of `keys`, but for its revision. Its plan is made unless it is there."""
        new = one.new
        assert new is not None
        now = self._transaction.now
        plan_scopes = self._scopes(new)
        key = Key(
            id=one.id,
            prefix=one.prefix,
            pepper_id=pepper_id,
            created_at=now,
            **{name: getattr(new, name) for name in _SAME},
            scopes=plan_scopes if new.scopes is None else new.scopes,
        )
        return {**columns_of(key), "digest": one.digests[0]}

    def _scopes(self, new: NewKey) -> tuple[str, ...]:
        """Those of its plan, which comes into being here."""
        plan = new.plan or self._tenants[new.tenant]["plan"]
        if plan and plan not in self._plans:
            made = plan_for(self._transaction, plan, existing=False)
            self._plans[plan] = made.scopes if made else ()
        return self._plans.get(plan, ())


def _ids(connection: Connection, wanted: Collection[str]) -> set[str]:
    return set(connection.scalars(select(keys.c.id).where(keys.c.id.in_(wanted))))


def _digests(connection: Connection, batch: Sequence[Prepared], peppers: Sequence[Pepper]) -> set[bytes]:
    """The first digests of those rows that are keys already, under whichever pepper."""
    wanted = {
        (pepper.id, digest): one.digests[0]
        for one in batch
        for pepper, digest in zip(peppers, one.digests, strict=True)
    }
    statement = select(keys.c.pepper_id, keys.c.digest)
    found = connection.execute(statement.where(tuple_(keys.c.pepper_id, keys.c.digest).in_(list(wanted))))
    return {wanted[row.pepper_id, bytes(row.digest)] for row in found}


def _tenants(connection: Connection, wanted: Collection[str]) -> dict[str, Mapping[str, Any]]:
    statement = select(tenants.c.id, tenants.c.status, tenants.c.plan).where(tenants.c.id.in_(wanted))
    return {row["id"]: dict(row) for row in connection.execute(statement).mappings()}


def _plans(connection: Connection, wanted: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Scopes of plans by name."""
    statement = select(plans.c.name, plans.c.scopes).where(plans.c.name.in_(wanted))
    return {row.name: tuple(row.scopes) for row in connection.execute(statement)}
