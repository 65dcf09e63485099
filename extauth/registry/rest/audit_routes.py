"""The route on the audit trail, and its JSON."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from extauth.registry import fields, times
from extauth.registry.audit_listing import AuditEntry, AuditFilter, AuditPage, AuditTrail
from extauth.registry.identity import Identity
from extauth.registry.rest.routing import Caller, router_for
from extauth.registry.rest.shapes import GivenQuery, GivenTime, ShownBody, ShownTime


class AuditQuery(GivenQuery):
    """Which changes are listed."""

    tenant: str = ""
    actor: str = ""
    """Who did it, as /v1/identity tells it."""
    target: str = ""
    """Id of what was changed."""
    begin: GivenTime | None = Field(default=None, alias="from")
    end: GivenTime | None = Field(default=None, alias="to")
    cursor: str = ""
    """next_cursor of the page before."""
    limit: int = Field(default=50, ge=1, le=fields.MAX_LIMIT)

    def filter(self, caller: Identity) -> AuditFilter:
        return AuditFilter(caller.narrow(self.tenant), self.actor, self.target, self.begin, self.end)


class AuditBody(ShownBody):
    """One change: who did what to what, when and from where."""

    at: ShownTime
    actor: str
    action: str
    kind: str
    """Of what was changed: key, revocation, admin token, ..."""
    target: str
    """Its id."""
    tenant: str | None
    """null: it belongs to no tenant."""
    address: str
    """Of the client; empty when it is not known."""
    user_agent: str
    """What the client says that it is."""
    before: dict[str, Any]
    """The fields that differ, as they were; empty for something new."""
    after: dict[str, Any]
    """The same fields, as they are now. Times are Unix milliseconds."""

    @classmethod
    def of(cls, entry: AuditEntry) -> "AuditBody":
        return cls(
            at=times.to_rfc3339(entry.at),
            actor=entry.actor,
            action=entry.action,
            kind=entry.kind,
            target=entry.target,
            tenant=entry.tenant,
            address=entry.address,
            user_agent=entry.user_agent,
            before=dict(entry.before),
            after=dict(entry.after),
        )


class AuditPageBody(ShownBody):
    """Some changes, newest first."""

    items: list[AuditBody]
    next_cursor: str
    """Empty on the last page."""

    @classmethod
    def of(cls, page: AuditPage) -> "AuditPageBody":
        return cls(items=[AuditBody.of(entry) for entry in page.entries], next_cursor=page.next_cursor)


class AuditRoutes:
    """Plain functions, which run in threads, as those of KeyRoutes."""

    def __init__(self, trail: AuditTrail) -> None:
        self._trail = trail

    def router(self) -> APIRouter:
        router = router_for("/v1/audit", "audit")
        router.add_api_route("", self.find, methods=["GET"])
        return router

    def find(self, query: Annotated[AuditQuery, Query()], caller: Caller) -> AuditPageBody:
        """List what was changed, by whom and from where, newest first."""
        return AuditPageBody.of(self._trail.find(query.filter(caller), query.limit, query.cursor))
