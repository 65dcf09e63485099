"""KeyRecord: the public half of an API key, as the registry publishes it and a check reads it."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType
from typing import NamedTuple

from google.protobuf.message import DecodeError

from extauth.wire.registry.v1 import registry_pb2

NO_METADATA: Mapping[str, str] = MappingProxyType({})


class Status(IntEnum):
    """KeyRecord.Status on the wire."""

    ACTIVE = registry_pb2.KeyRecord.ACTIVE
    DISABLED = registry_pb2.KeyRecord.DISABLED
    REVOKED = registry_pb2.KeyRecord.REVOKED


class Version(NamedTuple):
    """Orders all states of a key: a greater one is the newer one."""

    epoch: int
    revision: int


class MalformedRecordError(ValueError):
    """The bytes are not a KeyRecord that this version can trust."""


class Owner(IntEnum):
    """LimitOverride.Owner on the wire: whose an override is."""

    KEY = registry_pb2.LimitOverride.KEY
    TENANT = registry_pb2.LimitOverride.TENANT
    PLAN = registry_pb2.LimitOverride.PLAN


class LimitOverride(NamedTuple):
    """What a caller has of the policy's limit of this name: `amount` requests in `period` seconds."""

    name: str
    amount: float
    period: float
    burst: int = 0
    """How many requests the bucket holds; 0: as many as the amount, rounded up."""
    owner: Owner = Owner.KEY
    """Known once it is resolved; in a key's, tenant's or plan's own list it goes without saying."""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """All that a check needs to know of a key. Times are Unix milliseconds, 0 for no bound."""

    key_id: str
    digest: bytes
    pepper_id: str
    version: Version
    status: Status
    tenant: str
    name: str = ""
    scopes: tuple[str, ...] = ()
    plan: str = ""
    not_before: int = 0
    expires_at: int = 0
    metadata: Mapping[str, str] = field(default_factory=lambda: NO_METADATA)
    limits: tuple[LimitOverride, ...] = ()
    """Each name once."""

    def to_message(self) -> registry_pb2.KeyRecord:
        return registry_pb2.KeyRecord(
            key_id=self.key_id,
            digest=self.digest,
            pepper_id=self.pepper_id,
            epoch=self.version.epoch,
            revision=self.version.revision,
            status=registry_pb2.KeyRecord.Status.ValueType(self.status),
            tenant=self.tenant,
            name=self.name,
            scopes=self.scopes,
            plan=self.plan,
            not_before=self.not_before,
            expires_at=self.expires_at,
            metadata=self.metadata,
            limits=[
                registry_pb2.LimitOverride(
                    name=name,
                    amount=amount,
                    period_seconds=period,
                    burst=burst,
                    owner=registry_pb2.LimitOverride.Owner.ValueType(owner),
                )
                for name, amount, period, burst, owner in self.limits
            ],
        )

    def to_bytes(self) -> bytes:
        return self.to_message().SerializeToString(deterministic=True)

    @classmethod
    def from_message(cls, message: registry_pb2.KeyRecord) -> "KeyRecord":
        """Never guess rights: MalformedRecordError without id, digest, a status known here or limits that can be."""
        try:
            status = Status(message.status)
        except ValueError as error:
            raise MalformedRecordError(f"key {message.key_id}: status {message.status} is not known here") from error
        if not message.key_id or not message.digest:
            raise MalformedRecordError("a key record without key_id or digest")
        return cls(
            key_id=message.key_id,
            digest=message.digest,
            pepper_id=message.pepper_id,
            version=Version(message.epoch, message.revision),
            status=status,
            tenant=message.tenant,
            name=message.name,
            scopes=tuple(message.scopes),
            plan=message.plan,
            not_before=message.not_before,
            expires_at=message.expires_at,
            metadata=MappingProxyType(dict(message.metadata)) if message.metadata else NO_METADATA,
            limits=tuple(_limit(limit, message.key_id) for limit in message.limits),
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "KeyRecord":
        try:
            return cls.from_message(registry_pb2.KeyRecord.FromString(data))
        except DecodeError as error:
            raise MalformedRecordError("bytes that are not a KeyRecord") from error


def _limit(limit: registry_pb2.LimitOverride, key_id: str) -> LimitOverride:
    if not (0 < limit.amount < math.inf and 0 < limit.period_seconds < math.inf):
        raise MalformedRecordError(f"key {key_id}: a limit without a rate")
    try:
        owner = Owner(limit.owner)
    except ValueError as error:
        raise MalformedRecordError(f"key {key_id}: a limit of owner {limit.owner}, who is not known here") from error
    return LimitOverride(limit.name, limit.amount, limit.period_seconds, limit.burst, owner)


def decisive(records: Iterable[KeyRecord | None]) -> KeyRecord | None:
    """Of the records that stand for one credential, one that refuses it goes before one that does not.

    A token has a record for its own revocation and one for its subject's, of which one may have been lifted.
    """
    found = [record for record in records if record is not None]
    return next((record for record in found if record.status is not Status.ACTIVE), found[0] if found else None)
