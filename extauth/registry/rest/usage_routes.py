"""The route on usage, and its JSON."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from extauth.registry import fields, times
from extauth.registry.ledger import Ledger
from extauth.registry.rest.routing import router_for
from extauth.registry.rest.shapes import GivenQuery, GivenTime, ShownBody, ShownTime
from extauth.registry.usage_listing import Period, Usage, UsageFilter, UsagePage


class UsageQuery(GivenQuery):
    """Which usage is listed."""

    key: str = ""
    """Id of a key."""
    tenant: str = ""
    api: str = ""
    begin: GivenTime | None = Field(default=None, alias="from")
    """The first hour or day is the one that holds this time; a day, or 30 days, before `to` when it is left out."""
    end: GivenTime | None = Field(default=None, alias="to")
    """Now when it is left out."""
    by: Period = "hour"
    """Days are those of UTC."""
    cursor: str = ""
    """next_cursor of the page before."""
    limit: int = Field(default=50, ge=1, le=fields.MAX_LIMIT)

    def filter(self) -> UsageFilter:
        return UsageFilter(self.key, self.tenant, self.api, self.begin, self.end, self.by)


class UsageBody(ShownBody):
    """The checks of one key at one API in one hour or day."""

    start: ShownTime
    """When the hour or day began."""
    key: str
    """Id of the key."""
    tenant: str
    api: str
    allowed: int
    limited: int
    """Refused by a rate limit."""
    denied: int
    """Refused for any other reason."""

    @classmethod
    def of(cls, usage: Usage) -> "UsageBody":
        return cls(
            start=times.to_rfc3339(usage.start),
            key=usage.key_id,
            tenant=usage.tenant,
            api=usage.api,
            allowed=usage.allowed,
            limited=usage.limited,
            denied=usage.denied,
        )


class UsagePageBody(ShownBody):
    """Some usage, newest first."""

    items: list[UsageBody]
    next_cursor: str
    """Empty on the last page."""

    @classmethod
    def of(cls, page: UsagePage) -> "UsagePageBody":
        return cls(items=[UsageBody.of(usage) for usage in page.items], next_cursor=page.next_cursor)


class UsageRoutes:
    """Plain functions, which run in threads, as those of KeyRoutes."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def router(self) -> APIRouter:
        router = router_for("/v1/usage", "usage")
        router.add_api_route("", self.find, methods=["GET"])
        return router

    def find(self, query: Annotated[UsageQuery, Query()]) -> UsagePageBody:
        """List checks by key, API and hour or day, newest first."""
        return UsagePageBody.of(self._ledger.find(query.filter(), query.limit, query.cursor))
