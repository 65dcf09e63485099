"""The JSON of the REST API on tenants. Only shapes are checked here, values further in."""

from pydantic import Field

from extauth.registry import fields
from extauth.registry.rest.limit_bodies import GivenLimit, ShownLimit, given_limits, shown_limits
from extauth.registry.rest.shapes import GivenBody, GivenQuery, ShownBody, ShownTime
from extauth.registry.tenant import NewTenant, Tenant, TenantStatus, TenantUpdate
from extauth.registry.tenant_listing import TenantFilter, TenantPage
from extauth.registry.times import to_rfc3339


class CreateTenantBody(GivenBody):
    """A tenant to be made. Tenants also come into being with their first key."""

    id: str = Field(examples=["acme"])
    """What keys name; it never changes."""
    name: str = Field(default="", examples=["Acme Inc."])
    """What people call it; the id when it is left out."""
    plan: str = Field(default="", examples=["gold"])
    """A plan that exists, for all keys that name none of their own."""
    limits: list[GivenLimit] = Field(default=[])
    """Go before those of the plan, and behind those of a key."""
    metadata: dict[str, str] = Field(default={}, examples=[{"crm": "4711"}])

    def new_tenant(self) -> NewTenant:
        return NewTenant(self.id, self.name, self.plan, given_limits(self.limits), self.metadata)


class UpdateTenantBody(GivenBody):
    """What is to be changed; a field that is left out, or null, stays as it is."""

    name: str | None = Field(default=None, examples=["Acme Inc."])
    plan: str | None = Field(default=None, examples=["gold"])
    """Empty for none."""
    limits: list[GivenLimit] | None = None
    """Replaces all limits."""
    metadata: dict[str, str] | None = None
    """Replaces all entries."""

    def update(self) -> TenantUpdate:
        limits = None if self.limits is None else given_limits(self.limits)
        return TenantUpdate(self.name, self.plan, limits, self.metadata)


class SuspendBody(GivenBody):
    """Why the tenant is suspended."""

    reason: str = Field(default="", examples=["unpaid since May"])


class TenantQuery(GivenQuery):
    """Which tenants are listed."""

    status: TenantStatus | None = None
    plan: str = ""
    text: str = ""
    """Part of an id or name."""
    cursor: str = ""
    """next_cursor of the page before."""
    limit: int = Field(default=50, ge=1, le=fields.MAX_LIMIT)

    def filter(self) -> TenantFilter:
        return TenantFilter(status=self.status, plan=self.plan, text=self.text)


class TenantBody(ShownBody):
    """A tenant."""

    id: str = Field(examples=["acme"])
    name: str = Field(examples=["Acme Inc."])
    plan: str = Field(examples=["gold"])
    limits: list[ShownLimit]
    metadata: dict[str, str] = Field(examples=[{"crm": "4711"}])
    status: TenantStatus
    """suspended: all its keys are refused."""
    suspended_reason: str
    created_at: ShownTime
    updated_at: ShownTime
    revision: int
    """Counts the changes of this tenant; its ETag."""
    propagating: bool
    """Whether some of its keys have yet to be published again for its last change."""

    @classmethod
    def of(cls, tenant: Tenant) -> "TenantBody":
        return cls(
            id=tenant.id,
            name=tenant.name,
            plan=tenant.plan,
            limits=shown_limits(tenant.limits),
            metadata=dict(tenant.metadata),
            status=tenant.status,
            suspended_reason=tenant.suspended_reason,
            created_at=to_rfc3339(tenant.created_at),
            updated_at=to_rfc3339(tenant.updated_at),
            revision=tenant.revision,
            propagating=tenant.propagating,
        )


class TenantPageBody(ShownBody):
    """Some tenants, in order of id."""

    items: list[TenantBody]
    next_cursor: str
    """Empty on the last page."""

    @classmethod
    def of(cls, page: TenantPage) -> "TenantPageBody":
        return cls(items=[TenantBody.of(tenant) for tenant in page.items], next_cursor=page.next_cursor)
