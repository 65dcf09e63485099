"""The routes on the health of keys: how many need attention, and which."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from extauth.registry import fields
from extauth.registry.key_health import FINDINGS, Finding, KeyHealth
from extauth.registry.operations import KeyRegistry
from extauth.registry.rest.bodies import KeyPage
from extauth.registry.rest.routing import Caller, failures, router_for
from extauth.registry.rest.shapes import GivenQuery, ShownBody
from extauth.settings.values import Duration

_LONGEST = 10 * 365 * 86400.0


class HealthQuery(GivenQuery):
    """Whose keys are counted."""

    tenant: str = ""


class FindingQuery(HealthQuery):
    """Which keys of a finding are listed."""

    within: Duration | None = Field(default=None, ge=0, le=_LONGEST)
    """In place of the time that the settings have for this finding."""
    cursor: str = ""
    """next_cursor of the page before."""
    limit: int = Field(default=50, ge=1, le=fields.MAX_LIMIT)


class FindingBody(ShownBody):
    """How many keys need attention for one cause."""

    finding: Finding
    """expiring soon, used after its rotation, or unused for long."""
    keys: int
    within: Duration
    """What soon or long means: see `health` in the settings."""


class HealthBody(ShownBody):
    """How many keys need attention, by cause; a key may have several."""

    items: list[FindingBody]


class HealthRoutes:
    """Plain functions, which run in threads, as those of KeyRoutes."""

    def __init__(self, health: KeyHealth, registry: KeyRegistry) -> None:
        self._health = health
        self._registry = registry

    def router(self) -> APIRouter:
        router = router_for("/v1/keys/health", "keys")
        router.add_api_route("", self.count, methods=["GET"], responses=failures(HTTPStatus.UNPROCESSABLE_ENTITY))
        responses = failures(HTTPStatus.UNPROCESSABLE_ENTITY)
        router.add_api_route("/{finding}", self.find, methods=["GET"], responses=responses)
        return router

    def count(self, query: Annotated[HealthQuery, Query()], caller: Caller) -> HealthBody:
        """Count keys that need attention."""
        counts = self._health.count(caller.narrow(query.tenant))
        return HealthBody(
            items=[
                FindingBody(finding=finding, keys=counts[finding], within=self._health.thresholds[finding] / 1000)
                for finding in FINDINGS
            ]
        )

    def find(self, finding: Finding, query: Annotated[FindingQuery, Query()], caller: Caller) -> KeyPage:
        """List keys that need attention for one cause; those come first that expire or were last used first."""
        page = self._health.find(
            finding,
            query.limit,
            tenant=caller.narrow(query.tenant),
            threshold=None if query.within is None else round(query.within * 1000),
            cursor=query.cursor,
        )
        return KeyPage.of(page, self._registry.clock())
