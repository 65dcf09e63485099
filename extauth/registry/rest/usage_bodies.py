"""The JSON of the REST API on usage, and which usage a query asks for."""

from typing import Annotated, Literal, cast

from pydantic import AfterValidator, Field

from extauth.registry import fields, times
from extauth.registry.rest.shapes import GivenQuery, GivenTime, ShownBody, ShownTime
from extauth.registry.usage_listing import GROUPS, Group, Period, Usage, UsageFilter, UsagePage, UsageScope

Format = Literal["json", "csv"]
COUNTS = ("allowed", "limited", "denied")


def _check_groups(text: str) -> str:
    named = text.split(",") if text else []
    if len(set(named)) < len(named) or not set(named) <= set(GROUPS):
        raise ValueError(f"is not what usage is grouped by: use some of {', '.join(GROUPS)}, each once, with commas")
    return text


class UsageExportQuery(GivenQuery):
    """Which usage is wanted, and how it is summed up."""

    key: str = ""
    """Id of a key."""
    tenant: str = ""
    api: str = ""
    outcome: str = Field(default="", pattern=r"^(allowed|limited|denied(:[a-z0-9_]{1,32})?)?$")
    """allowed, limited, or denied: and the reason, as denied:expired_key."""
    begin: GivenTime | None = Field(default=None, alias="from")
    """The first period is the one that holds this time; an hour, a day or 30 days before `to` when it is left out."""
    end: GivenTime | None = Field(default=None, alias="to")
    """The last period is the one that ends at this time or holds it; now when it is left out."""
    resolution: Period | None = None
    """Days are those of UTC; `total` is one sum for the whole time. The finest that fits when it is left out."""
    by: Annotated[str, AfterValidator(_check_groups), Field(examples=["tenant,outcome"])] = "key,tenant,api"
    """Whose usage is told apart: some of key, tenant, api and outcome, with commas; or nothing."""
    format: Format | None = None
    """As the header Accept asks for when it is left out."""

    def filter(self) -> UsageFilter:
        groups = cast("tuple[Group, ...]", tuple(self.by.split(",")) if self.by else ())
        return UsageFilter(self.key, self.tenant, self.api, self.outcome, self.begin, self.end, groups, self.resolution)


class UsageQuery(UsageExportQuery):
    """Which usage is listed."""

    cursor: str = ""
    """next_cursor of the page before."""
    limit: int = Field(default=50, ge=1, le=fields.MAX_LIMIT)


class UsageBody(ShownBody):
    """The checks of one period. Of key, tenant, api and outcome there are those by which it is grouped."""

    start: ShownTime
    """When the period began."""
    end: ShownTime
    key: str | None = None
    """Id of the key."""
    tenant: str | None = None
    api: str | None = None
    outcome: str | None = None
    allowed: int
    limited: int
    """Refused by a rate limit."""
    denied: int
    """Refused for any other reason."""

    @classmethod
    def of(cls, usage: Usage, scope: UsageScope) -> "UsageBody":
        return cls.model_validate(shown(usage, scope))


class UsagePageBody(ShownBody):
    """Some usage, newest first."""

    items: list[UsageBody]
    resolution: Period
    """In which lengths of time it is summed up."""
    next_cursor: str
    """Empty on the last page."""

    @classmethod
    def of(cls, page: UsagePage) -> "UsagePageBody":
        return cls(
            items=[UsageBody.of(usage, page.scope) for usage in page.items],
            resolution=page.scope.wanted.period or page.scope.resolution,
            next_cursor=page.next_cursor,
        )


def columns_of(scope: UsageScope) -> list[str]:
    """The fields of an item, in their order."""
    return ["start", "end", *scope.wanted.by, *COUNTS]


def shown(usage: Usage, scope: UsageScope) -> dict[str, str | int]:
    """An item as JSON and CSV show it."""
    period = (times.to_rfc3339(usage.start), times.to_rfc3339(usage.end))
    values: list[str | int] = [*period, *usage.names, usage.allowed, usage.limited, usage.denied]
    return dict(zip(columns_of(scope), values, strict=True))
