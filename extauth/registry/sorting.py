"""The orders of a list of keys, and cursors into it that hold while keys come and go.

A cursor is the place of the last row that was shown: its value in the column that is sorted by, and its id. Rows
without such a value stand together at one end, in order of id; they are a section of their own, so that each section
is one walk along an index.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import Column, ColumnElement, RowMapping, UnaryExpression, tuple_

from extauth.registry.paging import decode, encode, strange_cursor
from extauth.registry.schema import keys

Sort = Literal["created", "name", "expires", "last_used"]
Direction = Literal["asc", "desc"]

_COLUMNS: dict[Sort, Column[Any]] = {
    "created": keys.c.created_at,
    "name": keys.c.name,
    "expires": keys.c.expires_at,
    "last_used": keys.c.last_used_at,
}
DIRECTIONS: dict[Sort, Direction] = {"created": "desc", "name": "asc", "expires": "asc", "last_used": "desc"}
"""What is meant when nothing is said."""
_NONE_IS_FIRST: dict[Sort, bool] = {"expires": False, "last_used": True}
"""Going up: what never expires comes last, what was never used first. Columns not named here have a value always."""
_LATEST = 2**53
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the list: which rows belong to it, and which of them come after the cursor."""

    has_value: bool
    """Whether its rows have a value in the column that is sorted by."""
    conditions: Sequence[ColumnElement[bool]]
    order: Sequence[UnaryExpression[Any]]


@dataclass(frozen=True, slots=True)
class Order:
    """How a list is sorted; ids decide between equals."""

    sort: Sort = "created"
    direction: Direction | None = None
    """None: as is usual for this sort, see DIRECTIONS."""

    @property
    def column(self) -> Column[Any]:
        return _COLUMNS[self.sort]

    @property
    def descends(self) -> bool:
        return (self.direction or DIRECTIONS[self.sort]) == "desc"

    def sections(self, cursor: str) -> list[Section]:
        """The whole list from `cursor` on; InvalidError for one that this order did not make."""
        sections = self._sections()
        if not cursor:
            return sections
        value, key_id = self._position(cursor)
        reached = next(index for index, section in enumerate(sections) if section.has_value == (value is not None))
        first = sections[reached]
        columns, place = ((keys.c.id,), (key_id,)) if value is None else ((self.column, keys.c.id), (value, key_id))
        after = self._after(columns, place)
        return [replace(first, conditions=[*first.conditions, after]), *sections[reached + 1 :]]

    def cursor(self, last: RowMapping) -> str:
        """The cursor of what comes after this row of `keys`."""
        return encode(json.dumps([self.sort, self.descends, last[self.column.name], last["id"]]))

    def _sections(self) -> list[Section]:
        order = self._order(self.column, keys.c.id)
        if self.sort not in _NONE_IS_FIRST:
            return [Section(True, [], order)]
        some = Section(True, [self.column.is_not(None)], order)
        none = Section(False, [self.column.is_(None)], self._order(keys.c.id))
        return [none, some] if _NONE_IS_FIRST[self.sort] != self.descends else [some, none]

    def _order(self, *columns: Column[Any]) -> list[UnaryExpression[Any]]:
        return [column.desc() if self.descends else column.asc() for column in columns]

    def _after(self, columns: Sequence[Column[Any]], values: Sequence[Any]) -> ColumnElement[bool]:
        place, end = tuple_(*columns), tuple_(*values)
        return place < end if self.descends else place > end

    def _position(self, cursor: str) -> tuple[int | str | None, str]:
        try:
            sort, descends, value, key_id = json.loads(decode(cursor))
        except (ValueError, TypeError, RecursionError):
            raise strange_cursor() from None
        if sort != self.sort or descends is not self.descends or not _is_value(value, self.sort):
            raise strange_cursor()
        if not isinstance(key_id, str) or not key_id.isalnum():
            raise strange_cursor()
        return value, key_id


def _is_value(value: object, sort: Sort) -> bool:
    if value is None:
        return sort in _NONE_IS_FIRST
    if sort == "name":
        return isinstance(value, str) and len(value) <= _LONGEST and value.isprintable()
    return type(value) is int and 0 <= value < _LATEST
