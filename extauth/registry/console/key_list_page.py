"""The list of keys: searched, filtered, sorted, page by page, all of it in the address."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, cast, get_args

from starlette.responses import Response

from extauth.registry.console.addresses import address
from extauth.registry.console.app import Page
from extauth.registry.console.charts import sparkline
from extauth.registry.console.usage_series import UsageSeries
from extauth.registry.console.view import by_field, render
from extauth.registry.console.visit import Visit
from extauth.registry.errors import FieldProblem, InvalidError
from extauth.registry.filtering import Filter
from extauth.registry.key import State
from extauth.registry.operations import KeyRegistry
from extauth.registry.sorting import DIRECTIONS, Direction, Order, Sort

_PATH = "/console/keys"
_PAGE = 25
_DAYS = 14
_SORTS = frozenset(get_args(Sort))
_KEPT = ("text", "state", "tenant", "plan", "sort", "order")
"""What the address of a page keeps of the one before."""


class KeyListPage:
    def __init__(self, registry: KeyRegistry, usage: UsageSeries) -> None:
        self._registry = registry
        self._usage = usage

    def pages(self) -> list[Page]:
        return [Page("GET", _PATH, self.show, ("GET", "/v1/keys"))]

    def show(self, visit: Visit) -> Response:
        asked = {name: visit.query.get(name, "").strip() for name in _KEPT}
        cursor = visit.query.get("cursor", "")
        try:
            wanted = self._filter(visit, asked)
            page = self._registry.find(wanted, _PAGE, cursor, _order(asked))
        except InvalidError as error:
            return self._rendered(
                visit, asked, problems=by_field(error.problems), status=HTTPStatus.UNPROCESSABLE_ENTITY
            )
        usage = self._usage.of([key.id for key in page.keys], "day", _DAYS)
        rows = [(key, sparkline(usage[key.id])) for key in page.keys]
        following = address(_PATH, asked, cursor=page.next_cursor) if page.next_cursor else ""
        return self._rendered(visit, asked, rows=rows, following=following, is_first=not cursor)

    @staticmethod
    def _filter(visit: Visit, asked: Mapping[str, str]) -> Filter:
        if asked["state"] and asked["state"] not in set(State):
            raise InvalidError([FieldProblem("state", "is not a state", "choose one of the list")])
        return Filter(
            tenant=visit.identity.narrow(asked["tenant"]),
            state=State(asked["state"]) if asked["state"] else None,
            text=asked["text"],
            plan=asked["plan"],
        )

    def _rendered(
        self,
        visit: Visit,
        asked: Mapping[str, str],
        status: HTTPStatus = HTTPStatus.OK,
        **values: Any,  # noqa: ANN401 (for the template)
    ) -> Response:
        order = _order(asked)
        usual: dict[str, Any] = {"rows": [], "following": "", "is_first": True, "problems": {}}
        return render(
            visit,
            "keys.html",
            status,
            asked=asked,
            states=list(State),
            days=_DAYS,
            sorted_by=order.sort,
            descends=order.descends,
            sort_address=lambda sort: _sort_address(asked, sort, order),
            first_address=address(_PATH, asked),
            filtered=any(asked[name] for name in ("text", "state", "tenant", "plan")),
            **usual | values,
        )


def _order(asked: Mapping[str, str]) -> Order:
    """As asked, or the usual one."""
    sort = cast("Sort", asked["sort"]) if asked["sort"] in _SORTS else "created"
    direction = cast("Direction", asked["order"]) if asked["order"] in {"asc", "desc"} else None
    return Order(sort, direction)


def _sort_address(asked: Mapping[str, str], sort: Sort, now: Order) -> str:
    """Of the same list sorted so, and the other way round when it is already."""
    direction: Direction = DIRECTIONS[sort]
    if sort == now.sort:
        direction = "asc" if now.descends else "desc"
    return address(_PATH, asked, sort=sort, order=direction)
