"""The list of tenants: searched, filtered, page by page."""

from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from extauth.registry.console.addresses import address
from extauth.registry.console.app import Page
from extauth.registry.console.view import by_field, render
from extauth.registry.console.visit import Visit
from extauth.registry.errors import FieldProblem, InvalidError
from extauth.registry.tenant import TenantStatus
from extauth.registry.tenant_listing import TenantFilter
from extauth.registry.tenants import TenantRegistry

_PATH = "/console/tenants"
_PAGE = 25
_KEPT = ("text", "status", "plan")


class TenantListPage:
    def __init__(self, tenants: TenantRegistry) -> None:
        self._tenants = tenants

    def pages(self) -> list[Page]:
        return [Page("GET", _PATH, self.show, ("GET", "/v1/tenants"))]

    def show(self, visit: Visit) -> Response:
        asked = {name: visit.query.get(name, "").strip() for name in _KEPT}
        cursor = visit.query.get("cursor", "")
        values: dict[str, Any] = {"asked": asked, "filtered": any(asked.values()), "is_first": not cursor}
        values |= {"first_address": address(_PATH, asked), "statuses": list(TenantStatus)}
        try:
            found = self._tenants.find(_filter(visit, asked), _PAGE, cursor)
        except InvalidError as error:
            values |= {"tenants": [], "following": "", "problems": by_field(error.problems)}
            return render(visit, "tenants.html", HTTPStatus.UNPROCESSABLE_ENTITY, **values)
        following = address(_PATH, asked, cursor=found.next_cursor) if found.next_cursor else ""
        return render(visit, "tenants.html", tenants=found.items, following=following, problems={}, **values)


def _filter(visit: Visit, asked: dict[str, str]) -> TenantFilter:
    """Of one's own tenant, whatever is asked for; InvalidError."""
    if asked["status"] and asked["status"] not in set(TenantStatus):
        raise InvalidError([FieldProblem("status", "is not a status", "choose one of the list")])
    status = TenantStatus(asked["status"]) if asked["status"] else None
    return TenantFilter(status, asked["plan"], asked["text"], visit.identity.tenant or "")
