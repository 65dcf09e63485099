"""Reading the audit trail: newest first, page by page."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, select

from extauth.registry import admin_fields
from extauth.registry.admin_schema import audit
from extauth.registry.database import Database
from extauth.registry.paging import decode, encode, strange_cursor

_POSITION = re.compile(r"audit ([1-9][0-9]{0,17})")


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are wanted; an empty text for any. Times are Unix milliseconds: from `begin` to before `end`."""

    tenant: str = ""
    actor: str = ""
    target: str = ""
    begin: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change. `before` and `after` hold the fields that differ; `at` is Unix milliseconds."""

    at: int
    actor: str
    action: str
    kind: str
    target: str
    tenant: str | None
    address: str
    user_agent: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Some entries, and the cursor of the page after them, empty on the last one."""

    entries: Sequence[AuditEntry]
    next_cursor: str


class AuditTrail:
    """What was written by `audit.record`. May raise UnavailableError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, wanted: AuditFilter, limit: int, cursor: str = "") -> AuditPage:
        """At most `limit` entries from `cursor` on, newest first; InvalidError."""
        admin_fields.check_audit_search(wanted.tenant, wanted.actor, wanted.target, (wanted.begin, wanted.end))
        statement = select(audit).where(*_conditions(wanted)).order_by(audit.c.id.desc())
        if cursor:
            statement = statement.where(audit.c.id < _position(cursor))
        with self._database.read() as connection:
            rows = connection.execute(statement.limit(limit + 1)).mappings().all()  # one more tells that a page follows
        return AuditPage([_entry(row) for row in rows[:limit]], _cursor(rows[limit - 1]) if len(rows) > limit else "")


def _conditions(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    columns = audit.c
    texts = ((columns.tenant, wanted.tenant), (columns.actor, wanted.actor), (columns.target, wanted.target))
    conditions = [column == text for column, text in texts if text]
    if wanted.begin is not None:
        conditions.append(columns.at >= wanted.begin)
    if wanted.end is not None:
        conditions.append(columns.at < wanted.end)
    return conditions


def _cursor(last: RowMapping) -> str:
    return encode(f"audit {last['id']}")


def _position(cursor: str) -> int:
    match = _POSITION.fullmatch(decode(cursor))
    if match is None:
        raise strange_cursor()
    return int(match[1])


def _entry(row: RowMapping) -> AuditEntry:
    return AuditEntry(**{name: value for name, value in row.items() if name != "id"})
