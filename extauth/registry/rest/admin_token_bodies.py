"""The JSON of the REST API on admin tokens."""

from pydantic import Field

from extauth.registry import fields
from extauth.registry.admin_token import AdminToken, IssuedAdminToken, NewAdminToken, TokenState
from extauth.registry.admin_token_rows import AdminTokenPage
from extauth.registry.identity import Identity, Role
from extauth.registry.rest.shapes import GivenBody, GivenQuery, GivenTime, ShownBody, ShownTime, shown_time
from extauth.settings.values import Duration


class IdentityBody(ShownBody):
    """Who asks."""

    name: str
    """As in the audit trail."""
    role: Role
    tenant: str | None
    """null: all tenants."""

    @classmethod
    def of(cls, identity: Identity) -> "IdentityBody":
        return cls(name=identity.name, role=identity.role, tenant=identity.tenant)


class CreateTokenBody(GivenBody):
    """An admin token to be made."""

    name: str
    role: Role = Field(strict=False)
    """viewer sees; editor changes keys too; owner does everything; publisher watches the keys of all tenants."""
    tenant: str | None = None
    """Whose things it may see and change; left out, those that whoever asks may."""
    expires_at: GivenTime | None = None

    def new_token(self, tenant: str | None) -> NewAdminToken:
        return NewAdminToken(name=self.name, role=self.role, tenant=tenant, expires_at=self.expires_at)


class RotateTokenBody(GivenBody):
    """How the old token ends."""

    grace: Duration = 3600.0
    """How long it lives on at most; 0s revokes it at once."""


class RevokeTokenBody(GivenBody):
    """Why the token ends."""

    reason: str = ""


class AdminTokenQuery(GivenQuery):
    """Which admin tokens are listed."""

    tenant: str = ""
    """Empty for any."""
    cursor: str = ""
    """next_cursor of the page before."""
    limit: int = Field(default=50, ge=1, le=fields.MAX_LIMIT)


class AdminTokenBody(ShownBody):
    """An admin token, without its text."""

    id: str
    name: str
    role: Role
    tenant: str | None
    """null: all tenants."""
    status: TokenState
    created_by: str
    created_at: ShownTime
    expires_at: ShownTime | None
    last_used_at: ShownTime | None
    """To the minute."""
    revoked_at: ShownTime | None
    revoked_reason: str
    rotated_from: str | None
    rotated_to: str | None

    @classmethod
    def of(cls, token: AdminToken, now: int) -> "AdminTokenBody":
        return cls(**_shown(token, now))


class IssuedAdminTokenBody(AdminTokenBody):
    """A new admin token with its text, which is shown this once."""

    secret: str

    @classmethod
    def of_issued(cls, issued: IssuedAdminToken, now: int) -> "IssuedAdminTokenBody":
        return cls(secret=issued.secret, **_shown(issued.token, now))


class AdminTokenPageBody(ShownBody):
    """Some admin tokens, newest first."""

    items: list[AdminTokenBody]
    next_cursor: str
    """Empty on the last page."""

    @classmethod
    def of(cls, page: AdminTokenPage, now: int) -> "AdminTokenPageBody":
        return cls(items=[AdminTokenBody.of(token, now) for token in page.tokens], next_cursor=page.next_cursor)


def _shown(token: AdminToken, now: int) -> dict[str, object]:
    return {
        "id": token.id,
        "name": token.name,
        "role": token.role,
        "tenant": token.tenant,
        "status": token.state(now),
        "created_by": token.created_by,
        "created_at": shown_time(token.created_at),
        "expires_at": shown_time(token.expires_at),
        "last_used_at": shown_time(token.last_used_at),
        "revoked_at": shown_time(token.revoked_at),
        "revoked_reason": token.revoked_reason,
        "rotated_from": token.rotated_from,
        "rotated_to": token.rotated_to,
    }
