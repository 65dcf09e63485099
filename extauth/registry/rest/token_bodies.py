"""The JSON of the REST API on revocations of bearer tokens."""

from typing import Literal

from pydantic import Field

from extauth.registry import fields, times
from extauth.registry.errors import FieldProblem, InvalidError
from extauth.registry.rest.shapes import GivenBody, GivenQuery, GivenTime, ShownBody, ShownTime, shown_time
from extauth.registry.token_listing import RevocationPage
from extauth.registry.token_revocation import RevocationStatus, TokenRevocation, Tokens


class RevokeTokensBody(GivenBody):
    """Which tokens are revoked: one by its `jti`, or all of a `subject`."""

    issuer: str
    """`iss` of the tokens."""
    jti: str | None = None
    subject: str | None = None
    """`sub` of the tokens."""
    reason: str = ""
    until: GivenTime | None = None
    """When all of those tokens will have expired; left out when nobody knows."""

    def tokens(self) -> Tokens:
        """InvalidError unless one of jti and subject is given."""
        found = _tokens(self.issuer, self.jti, self.subject)
        if found is None:
            raise InvalidError([FieldProblem("subject", "is required", "give it, or jti")])
        return found


class RevocationQuery(GivenQuery):
    """Which revocations are listed."""

    issuer: str = ""
    jti: str | None = None
    """With `issuer`: only the revocation of this token."""
    subject: str | None = None
    """With `issuer`: only the revocation of this subject's tokens."""
    cursor: str = ""
    """next_cursor of the page before."""
    limit: int = Field(default=50, ge=1, le=fields.MAX_LIMIT)

    def tokens(self) -> Tokens | None:
        """None for any; InvalidError when both jti and subject are given."""
        return _tokens(self.issuer, self.jti, self.subject)


class RevocationBody(ShownBody):
    """A revocation. What was revoked is kept as a digest only, and so is not in it."""

    id: str
    issuer: str
    claim: Literal["jti", "sub"]
    """jti: one token; sub: all tokens of a subject."""
    status: RevocationStatus
    reason: str
    created_by: str
    created_at: ShownTime
    expires_at: ShownTime | None
    """When all of the tokens will have expired."""
    revision: int

    @classmethod
    def of(cls, revocation: TokenRevocation) -> "RevocationBody":
        return cls(
            id=revocation.id,
            issuer=revocation.issuer,
            claim=revocation.claim,
            status=revocation.status,
            reason=revocation.reason,
            created_by=revocation.created_by,
            created_at=times.to_rfc3339(revocation.created_at),
            expires_at=shown_time(revocation.expires_at),
            revision=revocation.revision,
        )


class RevocationPageBody(ShownBody):
    """Some revocations, newest first."""

    items: list[RevocationBody]
    next_cursor: str
    """Empty on the last page."""

    @classmethod
    def of(cls, page: RevocationPage) -> "RevocationPageBody":
        return cls(items=[RevocationBody.of(one) for one in page.revocations], next_cursor=page.next_cursor)


def _tokens(issuer: str, jti: str | None, subject: str | None) -> Tokens | None:
    if jti is not None and subject is not None:
        raise InvalidError([FieldProblem("subject", "stands beside jti", "give one of the two")])
    if subject is not None:
        return Tokens(issuer, "sub", subject)
    return None if jti is None else Tokens(issuer, "jti", jti)
