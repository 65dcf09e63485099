"""The JSON of the REST API on plans. Only shapes are checked here, values further in."""

from pydantic import Field

from extauth.registry import fields
from extauth.registry.plan import NewPlan, Plan, PlanUpdate
from extauth.registry.plan_listing import PlanPage
from extauth.registry.rest.limit_bodies import GivenLimit, ShownLimit, given_limits, shown_limits
from extauth.registry.rest.shapes import GivenBody, GivenQuery, ShownBody, ShownTime
from extauth.registry.times import to_rfc3339


class CreatePlanBody(GivenBody):
    """A plan to be made. Plans also come into being, without limits, with the first key that names them."""

    name: str = Field(examples=["gold"])
    """What keys and tenants name; it never changes."""
    description: str = Field(default="", examples=["For customers with a contract"])
    limits: list[GivenLimit] = Field(default=[])
    """Of keys on the plan; those of their tenant, and their own, go before them."""
    scopes: list[str] = Field(default=[], examples=[["read", "write"]])
    """Of new keys on the plan that are made without a word on scopes."""

    def new_plan(self) -> NewPlan:
        return NewPlan(self.name, self.description, given_limits(self.limits), tuple(self.scopes))


class UpdatePlanBody(GivenBody):
    """What is to be changed; a field that is left out, or null, stays as it is."""

    description: str | None = Field(default=None, examples=["For customers with a contract"])
    limits: list[GivenLimit] | None = None
    """Replaces all limits; all keys on the plan are published again."""
    scopes: list[str] | None = Field(default=None, examples=[["read", "write"]])
    """Replaces all scopes; keys that are there keep theirs."""

    def update(self) -> PlanUpdate:
        limits = None if self.limits is None else given_limits(self.limits)
        return PlanUpdate(self.description, limits, None if self.scopes is None else tuple(self.scopes))


class PlanQuery(GivenQuery):
    """Which plans are listed."""

    text: str = ""
    """Part of a name or description."""
    cursor: str = ""
    """next_cursor of the page before."""
    limit: int = Field(default=50, ge=1, le=fields.MAX_LIMIT)


class PlanBody(ShownBody):
    """A plan."""

    name: str = Field(examples=["gold"])
    description: str = Field(examples=["For customers with a contract"])
    limits: list[ShownLimit]
    scopes: list[str] = Field(examples=[["read", "write"]])
    created_at: ShownTime
    updated_at: ShownTime
    revision: int
    """Counts the changes of this plan; its ETag."""
    propagating: bool
    """Whether some of the keys that name it have yet to be published again for its last change."""

    @classmethod
    def of(cls, plan: Plan) -> "PlanBody":
        return cls(
            name=plan.name,
            description=plan.description,
            limits=shown_limits(plan.limits),
            scopes=list(plan.scopes),
            created_at=to_rfc3339(plan.created_at),
            updated_at=to_rfc3339(plan.updated_at),
            revision=plan.revision,
            propagating=plan.propagating,
        )


class PlanPageBody(ShownBody):
    """Some plans, in order of name."""

    items: list[PlanBody]
    next_cursor: str
    """Empty on the last page."""

    @classmethod
    def of(cls, page: PlanPage) -> "PlanPageBody":
        return cls(items=[PlanBody.of(plan) for plan in page.items], next_cursor=page.next_cursor)
