"""Between a row of `keys` and the two forms in which a key is used: Key inside, KeyRecord for everyone who checks."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sqlalchemy import RowMapping

from extauth.keys.record import KeyRecord, Status, Version
from extauth.registry.key import Key


def key_from(row: RowMapping) -> Key:
    return Key(
        id=row["id"],
        prefix=row["prefix"],
        pepper_id=row["pepper_id"],
        name=row["name"],
        tenant=row["tenant"],
        scopes=tuple(row["scopes"]),
        plan=row["plan"],
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
    )


def columns_of(key: Key) -> Mapping[str, Any]:
    """The columns that an operation writes: all but the digest, which no Key has, and the ledger's last_used_at."""
    return {
        "id": key.id,
        "prefix": key.prefix,
        "pepper_id": key.pepper_id,
        "name": key.name,
        "tenant": key.tenant,
        "scopes": list(key.scopes),
        "plan": key.plan,
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
        "revision": key.revision,
    }


def record_from(row: RowMapping) -> KeyRecord:
    """The row must also have the registry's `epoch`."""
    return KeyRecord(
        key_id=row["id"],
        digest=row["digest"],
        pepper_id=row["pepper_id"],
        version=Version(row["epoch"], row["revision"]),
        status=Status[row["status"].upper()],
        tenant=row["tenant"],
        name=row["name"],
        scopes=tuple(row["scopes"]),
        plan=row["plan"],
        not_before=row["not_before"] or 0,
        expires_at=row["expires_at"] or 0,
        metadata=MappingProxyType(row["metadata"]),
    )
