"""The audit trail: who did what, newest first, page by page."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from starlette.responses import Response

from extauth.registry.audit_listing import AuditEntry, AuditFilter, AuditTrail
from extauth.registry.console import words
from extauth.registry.console.addresses import address
from extauth.registry.console.app import Page
from extauth.registry.console.view import by_field, render
from extauth.registry.console.visit import Visit
from extauth.registry.errors import InvalidError

_PATH = "/console/audit"
_PAGE = 50
_KEPT = ("target", "actor", "tenant")
_LONGEST = 120
_TIMES = frozenset({"created_at", "updated_at", "not_before", "expires_at", "revoked_at", "last_used_at"})
_PAGES = {"key": "/console/keys", "tenant": "/console/tenants", "plan": "/console/plans"}
"""Below which path a kind of thing has its pages."""


class Difference(NamedTuple):
    """A field that was changed; None where it was not there."""

    field: str
    before: str | None
    after: str | None


class Change(NamedTuple):
    entry: AuditEntry
    done: str
    """The action in words, without what it was done to."""
    differences: list[Difference]
    address: str
    """The page of what was changed; empty when it has none."""


class AuditPage:
    def __init__(self, trail: AuditTrail) -> None:
        self._trail = trail

    def pages(self) -> list[Page]:
        return [Page("GET", _PATH, self.show, ("GET", "/v1/audit"))]

    def show(self, visit: Visit) -> Response:
        asked = {name: visit.query.get(name, "").strip() for name in _KEPT}
        cursor = visit.query.get("cursor", "")
        tenant = visit.identity.narrow(asked["tenant"])
        values: dict[str, Any] = {"asked": asked, "filtered": any(asked.values()), "is_first": not cursor}
        values |= {"changes": [], "following": "", "problems": {}, "first_address": address(_PATH, asked)}
        try:
            found = self._trail.find(AuditFilter(tenant, asked["actor"], asked["target"]), _PAGE, cursor)
        except InvalidError as error:
            values["problems"] = by_field(error.problems)
            return render(visit, "audit.html", HTTPStatus.UNPROCESSABLE_ENTITY, **values)
        values["changes"] = [_change(entry) for entry in found.entries]
        if found.next_cursor:
            values["following"] = address(_PATH, asked, cursor=found.next_cursor)
        return render(visit, "audit.html", **values)


def _change(entry: AuditEntry) -> Change:
    fields = [*entry.before, *(field for field in entry.after if field not in entry.before)]
    differences = [Difference(field, _text(entry.before, field), _text(entry.after, field)) for field in fields]
    empty = {None, "", "[]", "{}"}
    told = [one for one in differences if not (one.before in empty and one.after in empty)]
    done = entry.action.removeprefix(f"{entry.kind}_").replace("_", " ").capitalize()
    return Change(entry, done, told, f"{_PAGES[entry.kind]}/{entry.target}" if entry.kind in _PAGES else "")


def _text(fields: Mapping[str, Any], field: str) -> str | None:
    value = fields.get(field)
    if value is None:
        return None
    if field in _TIMES:
        return words.moment(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
