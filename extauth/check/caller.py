"""Caller: who makes a request, whether by key or by token."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from extauth.bearer.claims import Claims
from extauth.check.answer import Header
from extauth.keys.record import KeyRecord, LimitOverride
from extauth.policy.schema import UpstreamHeaders

_PRINTABLE = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")


_NO_TENANT = "-"  # no tenant of the registry begins so


@dataclass(frozen=True, slots=True)
class Caller:
    """What limits, permissions and the upstream need to know. Times in Unix milliseconds, 0 for no bound."""

    id: str
    """Public: the id of a key, the subject of a token."""
    bucket: str
    """Names the caller in Redis."""
    bucket_tenant: str
    """Names the tenant in Redis; never empty, and without braces."""
    tenant: str
    name: str
    scopes: Sequence[str]
    plan: str
    expires_at: int
    limits: Sequence[LimitOverride] = ()
    """In place of the policy's."""

    @classmethod
    def of_key(cls, record: KeyRecord) -> "Caller":
        return cls(
            id=record.key_id,
            bucket=record.key_id,
            bucket_tenant=record.tenant,
            tenant=record.tenant,
            name=record.name,
            scopes=record.scopes,
            plan=record.plan,
            expires_at=record.expires_at,
            limits=record.limits,
        )

    @classmethod
    def of_token(cls, claims: Claims) -> "Caller":
        # A subject may be any text; only its digest goes into the name of a bucket.
        bucket = hashlib.sha256(f"{claims.issuer_name}\0{claims.subject}".encode()).hexdigest()[:32]
        return cls(
            id=claims.subject,
            bucket=bucket,
            bucket_tenant=quote(claims.tenant, safe="") or _NO_TENANT,
            tenant=claims.tenant,
            name="",
            scopes=claims.scopes,
            plan=claims.plan,
            expires_at=claims.expires_at,
        )


NOBODY = Caller(id="", bucket="", bucket_tenant=_NO_TENANT, tenant="", name="", scopes=(), plan="", expires_at=0)
"""Of whom nothing is known."""


class IdentityHeaders:
    """The request headers that tell the upstream who calls."""

    def __init__(self, names: UpstreamHeaders) -> None:
        self._names = names
        self.names = [name for name in names.model_dump().values() if name]
        """All of them."""

    def of(self, caller: Caller) -> tuple[list[Header], list[str]]:
        """Headers to set, and names to remove because the caller has nothing to put there: no client may fill them."""
        values = list(self._values(caller))
        return [(name, value) for name, value in values if value], [name for name, value in values if not value]

    def _values(self, caller: Caller) -> Iterator[Header]:
        yield self._names.key_id, header_text(caller.id)
        yield self._names.tenant, header_text(caller.tenant)
        if self._names.name:
            yield self._names.name, header_text(caller.name)
        if self._names.scopes:
            yield self._names.scopes, header_text(" ".join(caller.scopes))
        if self._names.plan:
            yield self._names.plan, header_text(caller.plan)


def header_text(text: str) -> str:
    """Safe as a header's value: everything but printable ASCII percent-encoded as UTF-8 (and "%" itself)."""
    if text.isascii() and text.isprintable() and "%" not in text:  # nearly always
        return text
    return quote(text, safe=_PRINTABLE)
