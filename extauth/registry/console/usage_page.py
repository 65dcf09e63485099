"""The usage of all keys, or of one tenant's: charts, outcomes, who uses most; and all of it as CSV."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from starlette.responses import Response, StreamingResponse

from extauth.registry.console.addresses import address
from extauth.registry.console.app import Page
from extauth.registry.console.charts import bars
from extauth.registry.console.usage_overview import UsageOverview
from extauth.registry.console.view import by_field, render
from extauth.registry.console.visit import Visit
from extauth.registry.errors import FieldProblem, InvalidError, UnavailableError
from extauth.registry.ledger import Ledger
from extauth.registry.rest.usage_export import MEDIA_TYPES, as_csv
from extauth.registry.rules import is_slug
from extauth.registry.usage_listing import UsageFilter
from extauth.registry.usage_tables import Resolution

_PATH = "/console/usage"


class Span(NamedTuple):
    """A time up to now that can be chosen."""

    title: str
    resolution: Resolution
    periods: int


SPANS: Mapping[str, Span] = {
    "24h": Span("24 hours", "hour", 24),
    "7d": Span("7 days", "hour", 168),
    "30d": Span("30 days", "day", 30),
    "90d": Span("90 days", "day", 90),
}
_USUAL = "7d"


class UsagePage:
    def __init__(self, overview: UsageOverview, ledger: Ledger) -> None:
        self._overview = overview
        self._ledger = ledger

    def pages(self) -> list[Page]:
        return [
            Page("GET", _PATH, self.show, ("GET", "/v1/usage")),
            Page("GET", f"{_PATH}.csv", self.export, ("GET", "/v1/usage/export")),
        ]

    def show(self, visit: Visit) -> Response:
        asked, span = _asked(visit)
        tenant = visit.identity.narrow(asked["tenant"])
        values: dict[str, Any] = {"asked": asked, "span": span, "spans": _addresses(asked), "problems": {}}
        values |= {"overview": None, "csv": address(f"{_PATH}.csv", asked)}
        try:
            _check_tenant(tenant)
            overview = self._overview.of(span.resolution, span.periods, tenant)
        except InvalidError as error:
            values["problems"] = by_field(error.problems)
            return render(visit, "usage.html", HTTPStatus.UNPROCESSABLE_ENTITY, **values)
        except UnavailableError:  # of a large ledger, much may be asked for
            return render(visit, "usage.html", HTTPStatus.SERVICE_UNAVAILABLE, **values)
        return render(visit, "usage.html", **values | {"overview": overview, "chart": bars(overview.counts)})

    def export(self, visit: Visit) -> Response:
        """By key, tenant and API, as the REST API tells it."""
        asked, span = _asked(visit)
        begin = self._overview.begin(span.resolution, span.periods)
        wanted = UsageFilter(tenant=visit.identity.narrow(asked["tenant"]), begin=begin, period=span.resolution)
        scope, parts = self._ledger.export(wanted)
        headers = {"content-disposition": 'attachment; filename="usage.csv"'}
        return StreamingResponse(as_csv(scope, parts), media_type=MEDIA_TYPES["csv"], headers=headers)


def _asked(visit: Visit) -> tuple[dict[str, str], Span]:
    name = visit.query.get("span", "")
    name = name if name in SPANS else _USUAL
    return {"span": name, "tenant": visit.query.get("tenant", "").strip()}, SPANS[name]


def _addresses(asked: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Name, title and address of each time that can be chosen."""
    return [(name, span.title, address(_PATH, {**asked, "span": name})) for name, span in SPANS.items()]


def _check_tenant(tenant: str) -> None:
    if tenant and not is_slug(tenant):
        raise InvalidError([FieldProblem("tenant", "is not a tenant's name", "write it in full, or leave it empty")])
