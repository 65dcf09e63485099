"""The health of keys: which ones somebody should look at, found by indexes that hold little else."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Column, ColumnElement, Connection, and_, func, or_, select, tuple_

from extauth.registry import times
from extauth.registry.database import Database
from extauth.registry.fields import check_search
from extauth.registry.listing import Page
from extauth.registry.paging import decode, encode, strange_cursor
from extauth.registry.rows import key_from
from extauth.registry.schema import keys
from extauth.registry.terms import select_keys

Finding = Literal["expiring", "used_after_rotation", "unused"]
FINDINGS: tuple[Finding, ...] = ("expiring", "used_after_rotation", "unused")
Thresholds = Mapping[Finding, int]
"""Milliseconds: a key that expires within that time, has a successor and was used within it, was not used for it."""

_LATEST = 2**53
_successors = keys.alias("successors")


@dataclass(frozen=True, slots=True)
class _Range:
    """Keys of one finding that stand together in an index, in the order of a column and then of their ids."""

    column: Column[Any]
    conditions: Sequence[ColumnElement[bool]]


class KeyHealth:
    """Each call may raise UnavailableError. `clock` in Unix milliseconds."""

    def __init__(self, database: Database, thresholds: Thresholds, clock: Callable[[], int] = times.now) -> None:
        self._database = database
        self._clock = clock
        self.thresholds = thresholds

    def count(self, tenant: str = "") -> dict[Finding, int]:
        """How many keys there are of each finding, of a tenant or, with an empty text, of all."""
        check_search(1, tenant=tenant)
        now = self._clock()
        with self._database.read() as connection:
            return {finding: self._count(connection, finding, now, tenant) for finding in FINDINGS}

    def find(
        self, finding: Finding, limit: int, *, tenant: str = "", threshold: int | None = None, cursor: str = ""
    ) -> Page:
        """At most `limit` (1 to 500) keys, those first that expire or were last used first; InvalidError.

        Of unused keys, those come first that were never used, the oldest first.
        """
        check_search(limit, tenant=tenant)
        ranges = _ranges(finding, self._clock(), self.thresholds[finding] if threshold is None else threshold)
        reached, *position = _position(cursor, len(ranges)) if cursor else (0,)
        found: list[tuple[int, Any]] = []
        with self._database.read() as connection:
            for index, part in list(enumerate(ranges))[reached:]:
                statement = select_keys().where(*part.conditions, *_of(tenant)).order_by(part.column, keys.c.id)
                if index == reached and position:
                    statement = statement.where(tuple_(part.column, keys.c.id) > tuple_(*position))
                rows = connection.execute(statement.limit(limit + 1 - len(found))).mappings()
                found += [(index, row) for row in rows]
                if len(found) > limit:  # one more tells that a page follows
                    break
        shown = [key_from(row) for _, row in found[:limit]]
        if len(found) <= limit:
            return Page(shown, "")
        last, row = found[limit - 1]
        return Page(shown, encode(json.dumps([last, row[ranges[last].column.name], row["id"]])))

    def _count(self, connection: Connection, finding: Finding, now: int, tenant: str) -> int:
        ranges = _ranges(finding, now, self.thresholds[finding])
        counts = (select(func.count()).where(*part.conditions, *_of(tenant)) for part in ranges)
        return sum(connection.execute(count).scalar_one() for count in counts)


def _ranges(finding: Finding, now: int, threshold: int) -> list[_Range]:
    columns = keys.c
    in_use = and_(columns.revoked_at.is_(None), columns.rotated_to.is_(None))
    since = now - threshold
    if finding == "expiring":
        return [_Range(columns.expires_at, [in_use, columns.expires_at > now, columns.expires_at <= now + threshold])]
    if finding == "used_after_rotation":
        rotated_at = select(_successors.c.created_at).where(_successors.c.id == columns.rotated_to).scalar_subquery()
        used = [columns.rotated_to.is_not(None), columns.last_used_at >= since, columns.last_used_at > rotated_at]
        return [_Range(columns.last_used_at, used)]
    alive = or_(columns.expires_at.is_(None), columns.expires_at > now)
    begun = or_(columns.not_before.is_(None), columns.not_before < since)
    never = [in_use, alive, columns.last_used_at.is_(None), columns.created_at < since, begun]
    return [
        _Range(columns.created_at, never),
        _Range(columns.last_used_at, [in_use, alive, columns.last_used_at < since]),
    ]


def _of(tenant: str) -> list[ColumnElement[bool]]:
    return [keys.c.tenant == tenant] if tenant else []


def _position(cursor: str, ranges: int) -> tuple[int, int, str]:
    """In which range, and behind which value and id; InvalidError."""
    try:
        reached, value, key_id = json.loads(decode(cursor))
    except (ValueError, TypeError, RecursionError):
        raise strange_cursor() from None
    numbers = type(reached) is int and type(value) is int and 0 <= reached < ranges and 0 <= value < _LATEST
    if not numbers or not isinstance(key_id, str) or not key_id.isalnum():
        raise strange_cursor()
    return reached, value, key_id
