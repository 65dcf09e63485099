"""The JSON of the REST API. Times are RFC 3339, UTC in answers; only shapes are checked here, values further in."""

from typing import Annotated, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from extauth.registry import fields, times
from extauth.registry.key import IssuedKey, Key, KeyUpdate, NewKey, State
from extauth.registry.listing import Filter, Page
from extauth.settings.values import Duration

_TIME_SCHEMA = WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2027-01-31T12:00:00Z"]})


def _milliseconds(value: object) -> int:
    return times.from_rfc3339(value if isinstance(value, str) else "")


GivenTime = Annotated[int, BeforeValidator(_milliseconds), _TIME_SCHEMA]
"""Unix milliseconds, from RFC 3339 with any offset."""
ShownTime = Annotated[str, _TIME_SCHEMA]
"""RFC 3339, UTC."""


class _Body(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)


class CreateBody(_Body):
    """A key to be made."""

    name: str
    tenant: str
    scopes: list[str] = []
    plan: str = ""
    metadata: dict[str, str] = {}
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


class UpdateBody(_Body):
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


class RotateBody(_Body):
    """How the old key ends."""

    grace: Duration = 86400.0
    """How long it lives on at most; 0s revokes it at once."""
    created_by: str = "admin"


class RevokeBody(_Body):
    """Why the key ends."""

    reason: str = ""


class ExpireBody(_Body):
    """When the key ends."""

    at: GivenTime | None = None
    """Now when it is left out."""


class ListQuery(BaseModel):
    """Which keys are listed."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    tenant: str = ""
    status: State | None = None
    text: str = ""
    """Part of a name, or the beginning of a key id."""
    cursor: str = ""
    """next_cursor of the page before."""
    limit: int = Field(default=50, ge=1, le=fields.MAX_LIMIT)

    def filter(self) -> Filter:
        return Filter(tenant=self.tenant, state=self.status, text=self.text)


class KeyBody(BaseModel):
    """A key, without its secret."""

    model_config = ConfigDict(use_attribute_docstrings=True)

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


class KeyPage(BaseModel):
    """Some keys, newest first."""

    model_config = ConfigDict(use_attribute_docstrings=True)

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
        "created_at": _time(key.created_at),
        "not_before": _time(key.not_before),
        "expires_at": _time(key.expires_at),
        "revoked_at": _time(key.revoked_at),
        "revoked_reason": key.revoked_reason,
        "rotated_from": key.rotated_from,
        "rotated_to": key.rotated_to,
        "last_used_at": _time(key.last_used_at),
        "revision": key.revision,
    }


def _time(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else times.to_rfc3339(milliseconds)
