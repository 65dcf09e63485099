"""The health of the registry and of its keys: is everything in Redis, who sends usage, which keys need attention."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple, cast

from starlette.exceptions import HTTPException
from starlette.responses import Response

from extauth.registry.console.addresses import address
from extauth.registry.console.app import Page
from extauth.registry.console.charts import sparkline
from extauth.registry.console.publishing import Publishing
from extauth.registry.console.sidecars import Sidecars
from extauth.registry.console.usage_series import UsageSeries
from extauth.registry.console.view import render
from extauth.registry.console.visit import Visit
from extauth.registry.key_health import FINDINGS, Finding, KeyHealth

_PATH = "/console/health"
_PAGE = 25
_DAYS = 14
_DAY = 86_400_000


class Words(NamedTuple):
    """A finding, as people are told of it."""

    title: str
    """With the time of the settings in it."""
    remedy: str


WORDS: Mapping[Finding, Words] = {
    "expiring": Words("expiring within {}", "Rotate them, so that nothing stops."),
    "used_after_rotation": Words(
        "used after their rotation, within {}",
        "Something still has the old secret: change it over before the key ends.",
    ),
    "unused": Words("unused for {}", "Revoke what nobody needs: it cannot leak then."),
}


class HealthPage:
    def __init__(
        self, health: KeyHealth, publishing: Callable[[], Publishing], sidecars: Sidecars, usage: UsageSeries
    ) -> None:
        self._health = health
        self._publishing = publishing
        self._sidecars = sidecars
        self._usage = usage

    def pages(self) -> list[Page]:
        return [
            Page("GET", _PATH, self.show, ("GET", "/v1/keys/health")),
            Page("GET", f"{_PATH}/{{finding}}", self.list_keys, ("GET", "/v1/keys/health/{finding}")),
        ]

    def show(self, visit: Visit) -> Response:
        tenant = visit.identity.tenant
        counts = self._health.count(tenant or "")
        findings = [(finding, counts[finding], self._title(finding)) for finding in FINDINGS]
        values: dict[str, Any] = {"findings": findings, "publishing": None, "sidecars": None}
        if tenant is None:  # how the registry does is not for the people of one tenant
            values |= {"publishing": self._publishing(), "sidecars": self._sidecars.latest()}
        return render(visit, "health.html", **values)

    def list_keys(self, visit: Visit) -> Response:
        """The keys of one finding, most urgent first; InvalidError for a strange cursor."""
        finding = visit.request.path_params["finding"]
        if finding not in FINDINGS:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        cursor = visit.query.get("cursor", "")
        page = self._health.find(cast("Finding", finding), _PAGE, tenant=visit.identity.tenant or "", cursor=cursor)
        usage = self._usage.of([key.id for key in page.keys], "day", _DAYS)
        at = f"{_PATH}/{finding}"
        return render(
            visit,
            "finding.html",
            title=self._title(finding),
            remedy=WORDS[finding].remedy,
            rows=[(key, sparkline(usage[key.id])) for key in page.keys],
            days=_DAYS,
            following=address(at, {}, cursor=page.next_cursor) if page.next_cursor else "",
            first_address=at,
            is_first=not cursor,
        )

    def _title(self, finding: Finding) -> str:
        days = self._health.thresholds[finding] / _DAY
        return WORDS[finding].title.format(f"{days:g} day{'' if days == 1 else 's'}")
