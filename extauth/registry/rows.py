"""Between rows and the two forms in which they are used: Key and TokenRevocation inside, KeyRecord for who checks."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sqlalchemy import RowMapping

from extauth.keys.record import KeyRecord, Status, Version
from extauth.registry.key import Key
from extauth.registry.limits import limits_column, limits_from
from extauth.registry.terms import terms_of
from extauth.registry.token_revocation import RevocationStatus, TokenRevocation


def key_from(row: RowMapping) -> Key:
    """Of a row of `select_keys`."""
    return Key(
        id=row["id"],
        prefix=row["prefix"],
        pepper_id=row["pepper_id"],
        name=row["name"],
        tenant=row["tenant"],
        scopes=tuple(row["scopes"]),
        plan=row["plan"],
        limits=limits_from(row["limits"]),
        metadata=MappingProxyType(row["metadata"]),
        created_by=row["created_by"],
        created_at=row["created_at"],
        not_before=row["not_before"],
        expires_at=row["expires_at"],
        status=Status[row["status"].upper()],
        revoked_at=row["revoked_at"],
        revoked_reason=row["revoked_reason"],
        rotated_from=row["rotated_from"],
        rotated_to=row["rotated_to"],
        last_used_at=row["last_used_at"],
        revision=row["revision"],
        terms=terms_of(row),
    )


def columns_of(key: Key) -> Mapping[str, Any]:
    """The columns that an operation writes: all but digest, revision, and last_used_at, which is the ledger's."""
    return {
        "id": key.id,
        "prefix": key.prefix,
        "pepper_id": key.pepper_id,
        "name": key.name,
        "tenant": key.tenant,
        "scopes": list(key.scopes),
        "plan": key.plan,
        "limits": limits_column(key.limits),
        "metadata": dict(key.metadata),
        "created_by": key.created_by,
        "created_at": key.created_at,
        "not_before": key.not_before,
        "expires_at": key.expires_at,
        "status": key.status.name.lower(),
        "revoked_at": key.revoked_at,
        "revoked_reason": key.revoked_reason,
        "rotated_from": key.rotated_from,
        "rotated_to": key.rotated_to,
    }


def record_from(row: RowMapping) -> KeyRecord:
    """Of a row of `select_keys` that also has the registry's `epoch`.

    A key that is refused has no more than its own columns: a change of its plan need not publish it again.
    """
    status, terms = Status[row["status"].upper()], terms_of(row)
    if status is Status.ACTIVE and terms.suspended:
        status = Status.DISABLED
    active = status is Status.ACTIVE
    return KeyRecord(
        key_id=row["id"],
        digest=row["digest"],
        pepper_id=row["pepper_id"],
        version=Version(row["epoch"], row["revision"]),
        status=status,
        tenant=row["tenant"],
        name=row["name"],
        scopes=tuple(row["scopes"]),
        plan=terms.plan if active else row["plan"],
        not_before=row["not_before"] or 0,
        expires_at=row["expires_at"] or 0,
        metadata=MappingProxyType(row["metadata"]),
        limits=terms.limits if active else (),
    )


def revocation_from(row: RowMapping) -> TokenRevocation:
    return TokenRevocation(
        id=row["id"],
        issuer=row["issuer"],
        claim=row["claim"],
        pepper_id=row["pepper_id"],
        reason=row["reason"],
        created_by=row["created_by"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        status=RevocationStatus(row["status"]),
        revision=row["revision"],
    )


def columns_of_revocation(revocation: TokenRevocation) -> Mapping[str, Any]:
    """The columns that an operation writes: all but the digest and the revision."""
    return {
        "id": revocation.id,
        "issuer": revocation.issuer,
        "claim": revocation.claim,
        "pepper_id": revocation.pepper_id,
        "reason": revocation.reason,
        "created_by": revocation.created_by,
        "created_at": revocation.created_at,
        "expires_at": revocation.expires_at,
        "status": revocation.status.value,
    }


def revocation_record_from(row: RowMapping) -> KeyRecord:
    """Of a row of `token_revocations` that also has the registry's `epoch`: a record without tenant and rights."""
    return KeyRecord(
        key_id=row["id"],
        digest=row["digest"],
        pepper_id=row["pepper_id"],
        version=Version(row["epoch"], row["revision"]),
        status=Status.REVOKED if row["status"] == RevocationStatus.REVOKED else Status.ACTIVE,
        tenant="",
        expires_at=row["expires_at"] or 0,
    )
