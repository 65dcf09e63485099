"""The audit trail: who did what to what, when and from where, written in the transaction that did it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert

from extauth.registry import admin_schema
from extauth.registry.origin import ORIGIN

_LEFT_OUT = frozenset({"pepper_id", "revision"})
"""Of no use to a reader. Digests are left out too, as all that is binary."""


@dataclass(frozen=True, slots=True)
class Target:
    """What was changed."""

    kind: str
    """key, revocation, admin token, ..."""
    id: str
    tenant: str | None = None
    """Whose it is; None when it belongs to no tenant."""


def record(  # noqa: PLR0917 (a change has so many sides)
    connection: Connection,
    actor: str,
    action: str,
    target: Target,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    at: int,
) -> None:
    """Write down a change of the row `before`, empty when there was none, to the row `after`; `at` Unix milliseconds.

    Only what differs is kept. A change of nothing that a reader could see is not written down.
    """
    values = _entry(actor, action, target, before, after, at)
    if values["before"] or values["after"]:
        connection.execute(insert(admin_schema.audit).values(values))


def record_new(
    connection: Connection, actor: str, action: str, made: Sequence[tuple[Target, Mapping[str, Any]]], at: int
) -> None:
    """Write down many new rows at once."""
    entries = [_entry(actor, action, target, {}, row, at) for target, row in made]
    connection.execute(insert(admin_schema.audit), entries)


def _entry(  # noqa: PLR0917 (a change has so many sides)
    actor: str, action: str, target: Target, before: Mapping[str, Any], after: Mapping[str, Any], at: int
) -> dict[str, Any]:
    old, new = _shown(before), _shown(after)
    changed = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    origin = ORIGIN.get()
    return {
        "at": at,
        "actor": actor,
        "action": action,
        "kind": target.kind,
        "target": target.id,
        "tenant": target.tenant,
        "address": origin.address,
        "user_agent": origin.user_agent,
        "before": {name: old[name] for name in changed if name in old},
        "after": {name: new[name] for name in changed if name in new},
    }


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _LEFT_OUT and not isinstance(value, bytes)}
