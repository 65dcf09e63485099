"""The JSON of the REST API on keys. Only shapes are checked here, values further in."""

from pydantic import Field

from extauth.registry import fields
from extauth.registry.filtering import Filter
from extauth.registry.key import UNCHANGED, IssuedKey, Key, KeyUpdate, NewKey, State
from extauth.registry.listing import Page
from extauth.registry.rest.limit_bodies import GivenLimit, ShownLimit, given_limits, shown_limits
from extauth.registry.rest.shapes import GivenBody, GivenQuery, GivenTime, ShownBody, ShownTime, shown_time
from extauth.registry.sorting import Direction, Order, Sort
from extauth.settings.values import Duration


class CreateBody(GivenBody):
    """A key to be made, and with it its tenant and plan unless they are there."""

    name: str = Field(examples=["Billing import"])
    tenant: str = Field(examples=["acme"])
    scopes: list[str] | None = Field(default=None, examples=[["orders:read"]])
    """Those of its plan, if any, when left out."""
    plan: str = Field(default="", examples=["gold"])
    """The tenant's when left out."""
    limits: list[GivenLimit] = Field(default=[])
    """Go before those of its tenant and of its plan."""
    metadata: dict[str, str] = Field(default={}, examples=[{"team": "billing"}])
    not_before: GivenTime | None = None
    expires_at: GivenTime | None = None
    created_by: str = Field(default="admin", examples=["ada@example.com"])
    existing: bool = False
    """Whether to refuse a key whose tenant or plan is not there, which would else be made."""

    def new_key(self) -> NewKey:
        return NewKey(
            name=self.name,
            tenant=self.tenant,
            created_by=self.created_by,
            scopes=None if self.scopes is None else tuple(self.scopes),
            plan=self.plan,
            limits=given_limits(self.limits),
            metadata=self.metadata,
            not_before=self.not_before,
            expires_at=self.expires_at,
        )


class UpdateBody(GivenBody):
    """What is to be changed; a field that is left out stays as it is, and so does one that is null but for a time."""

    name: str | None = Field(default=None, examples=["Billing import"])
    scopes: list[str] | None = Field(default=None, examples=[["orders:read"]])
    """Replaces all scopes."""
    plan: str | None = Field(default=None, examples=["gold"])
    """Made unless it is there; empty for the tenant's."""
    limits: list[GivenLimit] | None = None
    """Replaces all limits of its own."""
    metadata: dict[str, str] | None = None
    """Replaces all entries."""
    not_before: GivenTime | None = None
    """null: it begins at once."""
    expires_at: GivenTime | None = None
    """null: it never expires."""

    def update(self) -> KeyUpdate:
        given = self.model_fields_set
        return KeyUpdate(
            name=self.name,
            scopes=None if self.scopes is None else tuple(self.scopes),
            plan=self.plan,
            limits=None if self.limits is None else given_limits(self.limits),
            metadata=self.metadata,
            not_before=self.not_before if "not_before" in given else UNCHANGED,
            expires_at=self.expires_at if "expires_at" in given else UNCHANGED,
        )


class RotateBody(GivenBody):
    """How the old key ends."""

    grace: Duration = 86400.0
    """How long it lives on at most; 0s revokes it at once."""
    created_by: str = "admin"


class RevokeBody(GivenBody):
    """Why the key ends."""

    reason: str = Field(default="", examples=["leaked in a log"])


class ExpireBody(GivenBody):
    """When the key ends."""

    at: GivenTime | None = None
    """Now when it is left out."""


class FilterQuery(GivenQuery):
    """Which keys are wanted."""

    tenant: str = ""
    status: State | None = None
    plan: str = ""
    """Keys on this plan, by themselves or by their tenant."""
    scope: str = ""
    """Keys that have this scope."""
    text: str = ""
    """Part of a name or of created_by, or the beginning of a key id."""
    expires_before: GivenTime | None = None
    """Keys that have expired or will by then."""
    unused_since: GivenTime | None = None
    """Keys that were made before that and have not been used from then on."""
    pepper: str = ""
    """Keys that are stored under the pepper of this id."""

    def filter(self) -> Filter:
        return Filter(
            tenant=self.tenant,
            state=self.status,
            plan=self.plan,
            scope=self.scope,
            text=self.text,
            expires_before=self.expires_before,
            unused_since=self.unused_since,
            pepper=self.pepper,
        )


class ListQuery(FilterQuery):
    """Which keys are listed, and in which order."""

    sort: Sort = "created"
    order: Direction | None = None
    """asc or desc; when left out, created and last_used go down, name and expires go up. What never expires is last
    going up, what was never used first."""
    cursor: str = ""
    """next_cursor of the page before."""
    limit: int = Field(default=50, ge=1, le=fields.MAX_LIMIT)

    def sorting(self) -> Order:
        return Order(self.sort, self.order)


class KeyBody(ShownBody):
    """A key, without its secret."""

    id: str
    prefix: str
    name: str
    tenant: str
    scopes: list[str]
    plan: str
    """Its own; empty when it has its tenant's."""
    limits: list[ShownLimit]
    """Its own."""
    effective_plan: str
    """Its own or its tenant's."""
    effective_limits: list[ShownLimit]
    """Those that hold: of each name its own, or else its tenant's, or else its plan's."""
    metadata: dict[str, str]
    status: State
    """At the time of the answer: expired and pending (before not_before) follow from the key's times, suspended from
    its tenant."""
    created_by: str
    created_at: ShownTime
    not_before: ShownTime | None
    expires_at: ShownTime | None
    revoked_at: ShownTime | None
    revoked_reason: str
    rotated_from: str | None
    rotated_to: str | None
    last_used_at: ShownTime | None
    revision: int
    """Of its last change in the history of all keys; its ETag."""

    @classmethod
    def of(cls, key: Key, now: int) -> "KeyBody":
        return cls(**_shown(key, now))


class IssuedKeyBody(KeyBody):
    """A new key with its secret, which is shown this once."""

    secret: str

    @classmethod
    def of_issued(cls, issued: IssuedKey, now: int) -> "IssuedKeyBody":
        return cls(secret=issued.secret, **_shown(issued.key, now))


class KeyPage(ShownBody):
    """Some keys."""

    items: list[KeyBody]
    next_cursor: str
    """Empty on the last page."""

    @classmethod
    def of(cls, page: Page, now: int) -> "KeyPage":
        return cls(items=[KeyBody.of(key, now) for key in page.keys], next_cursor=page.next_cursor)


def _shown(key: Key, now: int) -> dict[str, object]:
    return {
        "id": key.id,
        "prefix": key.prefix,
        "name": key.name,
        "tenant": key.tenant,
        "scopes": list(key.scopes),
        "plan": key.plan,
        "limits": shown_limits(key.limits),
        "effective_plan": key.terms.plan,
        "effective_limits": shown_limits(key.terms.limits),
        "metadata": dict(key.metadata),
        "status": key.state(now),
        "created_by": key.created_by,
        "created_at": shown_time(key.created_at),
        "not_before": shown_time(key.not_before),
        "expires_at": shown_time(key.expires_at),
        "revoked_at": shown_time(key.revoked_at),
        "revoked_reason": key.revoked_reason,
        "rotated_from": key.rotated_from,
        "rotated_to": key.rotated_to,
        "last_used_at": shown_time(key.last_used_at),
        "revision": key.revision,
    }
