"""The JSON of the REST API on keys. Only shapes are checked here, values further in."""

from pydantic import Field

from extauth.registry import fields
from extauth.registry.key import IssuedKey, Key, KeyUpdate, NewKey, State
from extauth.registry.listing import Filter, Page
from extauth.registry.rest.shapes import GivenBody, GivenQuery, GivenTime, ShownBody, ShownTime, shown_time
from extauth.settings.values import Duration


class CreateBody(GivenBody):
    """A key to be made."""

    name: str
    tenant: str
    scopes: list[str] = Field(default=[])
    plan: str = ""
    metadata: dict[str, str] = Field(default={})
    not_before: GivenTime | None = None
    expires_at: GivenTime | None = None
    created_by: str = "admin"

    def new_key(self) -> NewKey:
        return NewKey(
            name=self.name,
            tenant=self.tenant,
            created_by=self.created_by,
            scopes=tuple(self.scopes),
            plan=self.plan,
            metadata=self.metadata,
            not_before=self.not_before,
            expires_at=self.expires_at,
        )


class UpdateBody(GivenBody):
    """What is to be changed; a field that is left out, or null, stays as it is."""

    name: str | None = None
    scopes: list[str] | None = None
    """Replaces all scopes."""
    plan: str | None = None
    metadata: dict[str, str] | None = None
    """Replaces all entries."""

    def update(self) -> KeyUpdate:
        return KeyUpdate(
            name=self.name,
            scopes=None if self.scopes is None else tuple(self.scopes),
            plan=self.plan,
            metadata=self.metadata,
        )


class RotateBody(GivenBody):
    """How the old key ends."""

    grace: Duration = 86400.0
    """How long it lives on at most; 0s revokes it at once."""
    created_by: str = "admin"


class RevokeBody(GivenBody):
    """Why the key ends."""

    reason: str = ""


class ExpireBody(GivenBody):
    """When the key ends."""

    at: GivenTime | None = None
    """Now when it is left out."""


class ListQuery(GivenQuery):
    """Which keys are listed."""

    tenant: str = ""
    status: State | None = None
    text: str = ""
    """Part of a name, or the beginning of a key id."""
    cursor: str = ""
    """next_cursor of the page before."""
    limit: int = Field(default=50, ge=1, le=fields.MAX_LIMIT)

    def filter(self) -> Filter:
        return Filter(tenant=self.tenant, state=self.status, text=self.text)


class KeyBody(ShownBody):
    """A key, without its secret."""

    id: str
    prefix: str
    name: str
    tenant: str
    scopes: list[str]
    plan: str
    metadata: dict[str, str]
    status: State
    """At the time of the answer: expired and pending (before not_before) follow from the key's times."""
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
    """Some keys, newest first."""

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
